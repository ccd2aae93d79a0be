//! `kiket check`.

use std::path::PathBuf;
use std::process::ExitCode;

use kiket_core::diagnostic::Severity;

use super::report::{Format, Report};
use super::text::emit;
use super::tree;

/// Check the .kiket/ folder: every problem in one pass
#[derive(clap::Args)]
#[command(after_help = "Exit code: 0 no error, 2 errors, 1 could not check\n\n\
                        Examples:\n  kiket check --deny-warnings\n  kiket check --format sarif > kiket.sarif")]
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

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let tree = tree::look(&arguments.path).await?;
    let report = Report::of(&tree);
    emit(&report.write(arguments.format))?;
    let warned = arguments.deny_warnings && report.count(Severity::Warning) > 0;
    let bad = warned || report.count(Severity::Error) > 0;
    Ok(ExitCode::from(if bad { 2 } else { 0 }))
}
