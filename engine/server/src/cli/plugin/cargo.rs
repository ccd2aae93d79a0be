//! Cargo, as it builds components.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value as Json;

/// The target of every component.
const TARGET: &str = "wasm32-wasip2";

/// Builds the crate in a folder; returns the component that cargo made of it. What cargo says goes to standard error.
pub(super) fn build(cargo: Option<&Path>, folder: &Path) -> anyhow::Result<PathBuf> {
    if cargo.is_none() && !has_target() {
        bail!(
            "the toolchain in use has no standard library for {TARGET}\n\
             help: `rustup target add {TARGET}` installs it, and https://rustup.rs installs rustup"
        );
    }
    let program = cargo.unwrap_or(Path::new("cargo"));
    let mut command = Command::new(program);
    command.args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    let spawned = command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut cargo = spawned.with_context(|| format!("{} cannot be started", program.display()))?;
    let manifest = folder.canonicalize()?.join("Cargo.toml");
    let lines = cargo.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines().map_while(Result::ok));
    let built = lines.filter_map(|line| component(&serde_json::from_str(&line).ok()?, &manifest)).last();
    if !cargo.wait()?.success() {
        bail!("cargo could not build the plugin");
    }
    built.with_context(|| {
        format!("{} builds no component: it needs `crate-type = [\"cdylib\"]` below [lib]", manifest.display())
    })
}

/// The component that a message of cargo tells of, if it is the one of this package.
fn component(message: &Json, manifest: &Path) -> Option<PathBuf> {
    let is_ours =
        message["reason"] == "compiler-artifact" && message["manifest_path"].as_str().map(Path::new) == Some(manifest);
    let files = message["filenames"].as_array().filter(|_| is_ours)?;
    files.iter().filter_map(Json::as_str).find(|file| file.ends_with(".wasm")).map(PathBuf::from)
}

/// Whether the toolchain in use can build for the target.
fn has_target() -> bool {
    let rustc = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let folder = rustc.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let entries = Path::new(folder.trim()).read_dir();
    entries
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_component_is_the_one_of_the_package_and_no_other_file() {
        let manifest = Path::new("/p/Cargo.toml");
        let files = ["/t/p.d", "/t/p.wasm"];
        let message = |reason: &str, path: &str| json!({ "reason": reason, "manifest_path": path, "filenames": files });
        assert_eq!(component(&message("compiler-artifact", "/p/Cargo.toml"), manifest), Some("/t/p.wasm".into()));
        assert_eq!(component(&message("compiler-artifact", "/q/Cargo.toml"), manifest), None);
        assert_eq!(component(&message("build-finished", "/p/Cargo.toml"), manifest), None);
    }
}
