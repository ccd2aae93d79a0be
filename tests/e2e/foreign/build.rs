//! Builds the guests of `tests/guests` that are not written in Rust, with their languages' own tools.
//!
//! `cargo xtask setup` has fetched the tools. A component is built once for every state of its sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

/// A component of `tests/guests/<language>`; its manifest is in it.
pub(super) fn guest(language: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign");
    fs::create_dir_all(&folder).expect("a folder");
    let lock = fs::File::create(folder.join(format!("{language}.lock"))).expect("a lock file");
    lock.lock().expect("whoever builds it ends");
    let source = root().join("tests/guests").join(language);
    let finished = folder.join(format!("{language}-{}.wasm", fingerprint(&source)));
    if !finished.exists() {
        let work = tempfile::tempdir_in(&folder).expect("a temporary folder");
        let (wit, built) = (interfaces(work.path()), work.path().join("built.wasm"));
        run(compiler(language, &source, &wit, &built).current_dir(work.path()));
        let whole = work.path().join("whole.wasm");
        let mut embed = Command::new(env!("CARGO_BIN_EXE_kiket"));
        embed.args(["plugin", "build", "--component"]).arg(&built).arg("--manifest").arg(source.join("manifest.yaml"));
        run(embed.arg("--out").arg(&whole));
        fs::rename(&whole, &finished).expect("it stays on this disk");
    }
    finished
}

fn compiler(language: &str, source: &Path, wit: &Path, built: &Path) -> Command {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../xtask/foreign");
    match language {
        "python" => {
            let mut command = Command::new(tools.join("python/bin/componentize-py"));
            command.arg("--quiet").arg("-d").arg(wit).args(["-w", "guest", "componentize", "guest"]);
            command.arg("-p").arg(source).arg("-o").arg(built);
            command
        }
        "javascript" => {
            let mut command = Command::new(tools.join("javascript/node_modules/.bin/componentize-js"));
            command.arg(source.join("guest.js")).arg("-w").arg(wit).args(["-n", "guest"]).arg("-o").arg(built);
            command
        }
        other => panic!("nobody knows how to compile {other}"),
    }
}

/// A folder with the world of the guests and the interfaces that it is made of, as every tool wants it.
fn interfaces(work: &Path) -> PathBuf {
    let wit = work.join("wit");
    let deps = wit.join("deps/kiket-plugin");
    fs::create_dir_all(&deps).expect("a folder");
    fs::copy(root().join("tests/guests/wit/guest.wit"), wit.join("guest.wit")).expect("the world is there");
    for file in files(&root().join("wit")) {
        fs::copy(&file, deps.join(file.file_name().expect("a file has a name"))).expect("the interfaces are there");
    }
    wit
}

/// What a component is made of, in a few characters.
fn fingerprint(source: &Path) -> String {
    let mut hash = Sha256::new();
    for folder in [source, &root().join("wit"), &root().join("tests/guests/wit")] {
        for file in files(folder) {
            hash.update(fs::read(file).expect("it can be read"));
        }
    }
    hex::encode(&hash.finalize()[..8])
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn run(command: &mut Command) {
    let output = command.output().expect("`cargo xtask setup` has fetched it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
