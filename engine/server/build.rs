//! Puts the bundled plugins into the binary: every component in `plugins/dist`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, process};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the package's folder"));
    let dist = root.join("../../plugins/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut components: Vec<PathBuf> = fs::read_dir(&dist)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .collect();
    components.sort();
    if components.is_empty() {
        println!("cargo::error=the bundled plugins are not built yet: run `cargo xtask setup` first");
        process::exit(1);
    }
    let mut code =
        "/// The bundled plugins: name and component.\npub(crate) static BUNDLED: &[(&str, &[u8])] = &[\n".to_owned();
    for path in components {
        let path = path.canonicalize().expect("the component was just listed");
        let name = path.file_stem().and_then(|name| name.to_str()).expect("plugins have plain names");
        writeln!(code, "    ({name:?}, include_bytes!({:?})),", path.display().to_string())
            .expect("writing to a string");
    }
    code += "];\n";
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names a folder for what is built"));
    fs::write(out.join("bundled.rs"), code).expect("the folder for what is built can be written");
}
