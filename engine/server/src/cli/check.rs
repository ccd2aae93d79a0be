//! `kiket check`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use kiket_core::diagnostic::Severity;
use kiket_host::{Host, HostConfig};
use serde_json::json;

use super::tree;
use crate::plugins::Plugins;

/// Check the .kiket/ folder: every problem in one pass
#[derive(clap::Args)]
#[command(after_help = "Exit code: 0 no error, 2 errors, 1 could not check\n\nExample:\n  kiket check --deny-warnings")]
pub(super) struct Arguments {
    /// Folder that holds .kiket/, or one below it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How the problems are written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Count warnings as errors
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let root = tree::find_root(&arguments.path)?;
    // Checking calls no plugin: one small host to read manifests, in a folder that is gone afterwards.
    let scratch = tempfile::tempdir()?;
    let host = Host::new(HostConfig { instances: 1, ..HostConfig::default() })?;
    let plugins = Plugins::open(host, scratch.path().join("plugins"))?;
    let tree = tree::read(&root, &plugins)?;

    let count = |severity| tree.diagnostics.iter().filter(|found| found.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    match arguments.format {
        Format::Json => {
            println!("{:#}", json!({ "diagnostics": tree.diagnostics, "errors": errors, "warnings": warnings }))
        }
        Format::Text => {
            print!("{}", tree.render());
            let files = tree.sources.len();
            println!("{files} files: {errors} errors, {warnings} warnings");
        }
    }
    let bad = errors > 0 || (arguments.deny_warnings && warnings > 0);
    Ok(ExitCode::from(if bad { 2 } else { 0 }))
}
