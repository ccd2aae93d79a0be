//! `kiket plugin new`: a crate to begin with.
//!
//! kiket's SDK is on no registry, so it travels inside of the binary and is written to `sdk/` beside the plugin: that
//! builds on any machine that has Rust, in the version that fits this kiket, and goes with the plugin into its
//! repository. Whoever works on the SDK itself names its folder with `--sdk`.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use kiket_core::shape::IdRule;

use crate::cli::text::{clean, emit};

include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// The files of a plugin in Rust. `NAME` in them is the plugin's name, `SDK` the folder of the SDK's crate.
const RUST: [(&str, &str); 7] = [
    ("Cargo.toml", include_str!("new/rust/cargo.toml")),
    ("manifest.yaml", include_str!("new/rust/manifest.yaml")),
    ("src/lib.rs", include_str!("new/rust/lib.rs")),
    ("src/tests.rs", include_str!("new/rust/tests.rs")),
    ("tests/greets.yaml", include_str!("new/rust/greets.yaml")),
    ("README.md", include_str!("new/rust/readme.md")),
    (".gitignore", "/target\n/*.wasm\n"),
];

/// Where the SDK goes, and its crate below that.
const SDK_FOLDER: &str = "sdk";
const SDK_CRATE: &str = "rust/kiket-plugin";

/// Write a plugin to begin with: a crate with one action, its tests, and the SDK
#[derive(clap::Args)]
#[command(after_help = "Nothing is written into a folder that holds something.\n\n\
                        Example:\n  kiket plugin new greet && kiket plugin build greet")]
pub(super) struct Arguments {
    /// Name of the plugin: a-z, 0-9, _ and -
    name: String,
    /// The language it is written in
    #[arg(long, default_value = "rust", value_name = "LANGUAGE")]
    lang: String,
    /// Folder that is made for it; one of its name where nothing is said
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// Folder of the SDK's crate; where nothing is said, the SDK is written beside the plugin
    #[arg(long, env = "KIKET_SDK", value_name = "DIR")]
    sdk: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { name, lang, path, sdk } = arguments;
    if lang != "rust" {
        bail!(
            "plugins in `{}` are not offered yet\nhelp: `--lang rust` is; a component that another tool built gets its \
             manifest with `kiket plugin build --component`",
            clean(&lang)
        );
    }
    if !IdRule::Definition.allows(&name) {
        bail!("`{}` is no name of a plugin\nhelp: {}", clean(&name), IdRule::Definition.hint());
    }
    let folder = path.unwrap_or_else(|| PathBuf::from(&name));
    if fs::symlink_metadata(&folder).is_ok() && !is_empty(&folder) {
        bail!("{} is there already, and nothing is written over", folder.display());
    }
    let files = files(&name, sdk.as_deref())?;
    for (path, text) in &files {
        write(&folder.join(path), text)?;
    }
    emit(&describe(&folder, &name))?;
    Ok(ExitCode::SUCCESS)
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// The files of a plugin by their paths from its folder.
fn files(name: &str, sdk: Option<&Path>) -> anyhow::Result<Vec<(String, String)>> {
    let place = match sdk {
        None => format!("{SDK_FOLDER}/{SDK_CRATE}"),
        Some(sdk) => {
            let sdk = sdk.canonicalize().with_context(|| format!("{} cannot be read", sdk.display()))?;
            if !sdk.join("Cargo.toml").is_file() {
                bail!("{} is not the folder of the SDK's crate: there is no Cargo.toml in it", sdk.display());
            }
            sdk.to_str().context("the SDK's folder has a name that is not text")?.to_owned()
        }
    };
    // A path in TOML is a basic string.
    let place = place.replace('\\', "\\\\").replace('"', "\\\"");
    let own = RUST.iter().map(|(path, text)| ((*path).to_owned(), text.replace("NAME", name).replace("SDK", &place)));
    let mut files: Vec<(String, String)> = own.collect();
    if sdk.is_none() {
        files.extend(SDK.iter().map(|(path, text)| (format!("{SDK_FOLDER}/{path}"), (*text).to_owned())));
    }
    Ok(files)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("{} cannot be written", path.display()))
}

fn describe(folder: &Path, name: &str) -> String {
    let folder = folder.display();
    format!(
        "wrote {folder}: the action is in src/lib.rs, the manifest in manifest.yaml\n\nnext:\n  \
         kiket plugin build {folder}    builds {folder}/{name}.wasm; it needs Rust with the target wasm32-wasip2\n  \
         kiket plugin test {folder}     runs the cases in {folder}/tests on the real host\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiket_core::case::Case;
    use kiket_core::manifest::Manifest;

    fn file(name: &str, sdk: Option<&Path>) -> String {
        let files = files("big-greet", sdk).unwrap();
        files.into_iter().find(|(path, _)| path == name).map(|(_, text)| text).unwrap()
    }

    #[test]
    fn what_is_written_is_a_manifest_and_cases_and_a_crate_beside_its_sdk() {
        assert_eq!(Manifest::parse(&file("manifest.yaml", None)).unwrap().id, "big-greet");
        let (cases, found) = Case::read("tests/greets.yaml", &file("tests/greets.yaml", None));
        assert_eq!((cases.len(), found), (2, Vec::new()));
        assert!(file("Cargo.toml", None).contains("kiket-plugin = { path = \"sdk/rust/kiket-plugin\" }"));
        assert!(file("sdk/rust/kiket-plugin/Cargo.toml", None).contains("name = \"kiket-plugin\""));
        assert!(file("sdk/wit/action.wit", None).contains("package kiket:plugin"));
    }

    #[test]
    fn a_minimal_action_has_fewer_than_20_lines() {
        let text = file("src/lib.rs", None);
        let action = text.split("#[cfg(test)]").next().unwrap();
        assert!(action.trim_end().lines().count() < 20, "{action}");
    }

    #[test]
    fn nothing_of_the_sdk_is_written_where_its_folder_is_named() {
        let sdk = tempfile::tempdir().unwrap();
        assert!(files("x", Some(sdk.path())).unwrap_err().to_string().contains("no Cargo.toml"));
        fs::write(sdk.path().join("Cargo.toml"), "").unwrap();
        let files = files("x", Some(sdk.path())).unwrap();
        assert_eq!(files.len(), RUST.len());
        assert!(files[0].1.contains(&sdk.path().canonicalize().unwrap().display().to_string()));
    }
}
