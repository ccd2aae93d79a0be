//! Puts what kiket ships into the binary: the bundled plugins, which are every component in `plugins/dist`, the
//! templates and default definitions below `workflows`, and the SDK that `kiket plugin new` writes beside a plugin.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use sha2::{Digest as _, Sha256};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the package's folder"));
    let dist = root.join("../../plugins/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    // Folders below it hold components for tests.
    let components: BTreeMap<String, PathBuf> = files(&dist)
        .into_iter()
        .filter(|(name, _)| !name.contains('/'))
        .filter_map(|(name, path)| Some((name.strip_suffix(".wasm")?.to_owned(), path)))
        .collect();
    if components.is_empty() {
        println!("cargo::error=the bundled plugins are not built yet: run `cargo xtask setup` first");
        process::exit(1);
    }
    let what = "The bundled plugins: name and component.";
    write("bundled.rs", "BUNDLED: &[(&str, &[u8])]", what, "bytes", &components);
    let digests = components.iter().map(|(name, path)| {
        let component = fs::read(path).expect("it was just listed");
        format!("    ({name:?}, \"sha256:{}\"),\n", hex::encode(Sha256::digest(component)))
    });
    let digests = digests.collect::<String>();
    let what = "/// The digests of the bundled plugins, by name: who knows them need not read all of the components.";
    let code = format!("{what}\npub(crate) static DIGESTS: &[(&str, &str)] = &[\n{digests}];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names a folder for what is built"));
    fs::write(out.join("digests.rs"), code).expect("the folder for what is built can be written");

    let workflows = root.join("../../workflows");
    println!("cargo::rerun-if-changed={}", workflows.display());
    let what = "The templates of `kiket init`: path below `workflows/templates` and text.";
    write("templates.rs", "TEMPLATES: &[(&str, &str)]", what, "str", &files(&workflows.join("templates")));
    let what = "The definitions of the bundled level: path below `workflows/defaults` and text.";
    write("defaults.rs", "DEFAULTS: &[(&str, &str)]", what, "str", &files(&workflows.join("defaults")));

    // The crate finds `wit` two folders above itself, here as there.
    let mut sdk = BTreeMap::new();
    for (folder, place) in [("plugins/sdk", "rust/kiket-plugin"), ("wit", "wit")] {
        let folder = root.join("../..").join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        sdk.extend(files(&folder).into_iter().map(|(name, path)| (format!("{place}/{name}"), path)));
    }
    let what = "The SDK for authors of plugins: path below the folder it is written to, and text.";
    write("sdk.rs", "SDK: &[(&str, &str)]", what, "str", &sdk);
}

/// Returns every file below a folder by its path from there; none where there is no such folder.
fn files(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for path in fs::read_dir(&next).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).expect("it was found there").to_str().expect("it has a plain name");
            found.insert(name.to_owned(), path.canonicalize().expect("it was just listed"));
        }
    }
    found
}

/// Writes a file of code with one table: names, and what the files hold.
fn write(file: &str, table: &str, what: &str, include: &str, entries: &BTreeMap<String, PathBuf>) {
    let mut code = format!("/// {what}\npub(crate) static {table} = &[\n");
    for (name, path) in entries {
        writeln!(code, "    ({name:?}, include_{include}!({:?})),", path.display().to_string())
            .expect("writing to a string");
    }
    code += "];\n";
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names a folder for what is built"));
    fs::write(out.join(file), code).expect("the folder for what is built can be written");
}
