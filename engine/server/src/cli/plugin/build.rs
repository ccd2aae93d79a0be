//! `kiket plugin build`: from sources, or from what another tool built, to a component that carries its manifest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use kiket_core::diagnostic::Severity;
use kiket_core::manifest::Manifest;

use super::component::{self, Component, Finished};
use super::{Refused, cargo};
use crate::cli::text::emit;

/// Build a component and put its manifest into it
#[derive(clap::Args)]
#[command(after_help = "A crate is built with cargo, in release mode, for wasm32-wasip2. What another tool built \
gets its manifest with --component.\n\n\
Exit code: 0 built, 2 the component or its manifest has errors, 1 it could not be built\n\n\
Examples:\n  kiket plugin build greet --out tools/greet.wasm\n  \
kiket plugin build --component app.wasm --manifest manifest.yaml --out tools/app.wasm")]
pub(super) struct Arguments {
    /// Folder of the crate
    #[arg(default_value = ".", value_name = "DIR", conflicts_with = "component")]
    folder: PathBuf,
    /// Where the component is written; <ID>.wasm in the crate's folder where nothing is said
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A component that another tool built
    #[arg(long, value_name = "FILE", requires = "manifest", requires = "out")]
    component: Option<PathBuf>,
    /// The manifest for it
    #[arg(long, value_name = "FILE", requires = "component")]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    tools: Tools,
}

/// The tools that build.
#[derive(clap::Args)]
pub(super) struct Tools {
    /// The cargo to build with, in place of the one on the path
    #[arg(long, env = "KIKET_CARGO", value_name = "PROGRAM")]
    cargo: Option<PathBuf>,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let finished = match (&arguments.component, &arguments.manifest) {
        (Some(file), Some(manifest)) => embed(file, manifest).await?,
        _ => from_crate(&arguments.folder, &arguments.tools).await?,
    };
    let Finished { component, kept } = match finished {
        Ok(finished) => finished,
        Err(refused) => return Ok(refused.end()),
    };
    let out = arguments.out.unwrap_or_else(|| output(&arguments.folder, &component));
    component.write(&out)?;
    emit(&describe(&component, &kept, &out))?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the crate in a folder.
pub(super) async fn from_crate(folder: &Path, tools: &Tools) -> anyhow::Result<Result<Finished, Refused>> {
    if !folder.join("Cargo.toml").is_file() {
        bail!(
            "there is no Cargo.toml in {}\nhelp: what another tool built gets its manifest with \
             `kiket plugin build --component FILE --manifest FILE --out FILE`",
            folder.display()
        );
    }
    // The component carries what `plugin!` names; this file is where people look for mistakes.
    let path = folder.join("manifest.yaml");
    if path.is_file()
        && let Err(refused) = read_manifest(&path)?
    {
        return Ok(Err(refused));
    }
    let built = cargo::build(tools.cargo.as_deref(), folder)?;
    let bytes = fs::read(&built).with_context(|| format!("{} cannot be read", built.display()))?;
    let finished = component::finish(&component::host()?, bytes, None).await;
    Ok(finished.map_err(|reason| Refused::component(&built.display().to_string(), reason)))
}

async fn embed(file: &Path, manifest: &Path) -> anyhow::Result<Result<Finished, Refused>> {
    let text = match read_manifest(manifest)? {
        Ok(text) => text,
        Err(refused) => return Ok(Err(refused)),
    };
    let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let finished = component::finish(&component::host()?, bytes, Some(&text)).await;
    Ok(finished.map_err(|reason| Refused::component(&file.display().to_string(), reason)))
}

/// Reads a manifest; one with errors is shown with their places.
fn read_manifest(path: &Path) -> anyhow::Result<Result<String, Refused>> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let (_, found) = Manifest::read(&path.display().to_string(), &text);
    let bad = found.iter().any(|found| found.severity == Severity::Error);
    Ok(if bad { Err(Refused::of(&found, Some(&text))) } else { Ok(text) })
}

/// Where the component of a crate goes when nobody says.
pub(super) fn output(folder: &Path, component: &Component) -> PathBuf {
    folder.join(format!("{}.wasm", component.plugin.manifest.id))
}

fn describe(component: &Component, kept: &[String], out: &Path) -> String {
    let Component { bytes, digest, plugin } = component;
    let asks = plugin.manifest.capabilities.iter();
    let asks: Vec<String> =
        asks.map(|ask| format!("{}{}", ask.capability.word(), if ask.optional { " (optional)" } else { "" })).collect();
    let asks = if asks.is_empty() { "none".to_owned() } else { asks.join(", ") };
    let mut text = String::new();
    for schema in kept {
        text += &format!("note: {schema} is the one of the manifest; the type has one as well\n");
    }
    text += &format!("wrote {} ({} KiB)\n", out.strip_prefix(".").unwrap_or(out).display(), bytes.len().div_ceil(1024));
    text += &format!("  digest        {digest}\n  capabilities  {asks}\n");
    text
}
