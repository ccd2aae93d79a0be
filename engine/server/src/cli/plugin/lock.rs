//! `kiket plugin lock`: what every plugin that a project uses is and may do, pinned for reviews.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use kiket_core::revision;

use super::Refused;
use crate::cli::text::emit;
use crate::cli::tree;

/// The file, below the folder that holds `.kiket/`.
const FILE: &str = ".kiket/plugins.lock";

/// Pin what the plugins of a project are and may do in .kiket/plugins.lock
#[derive(clap::Args)]
#[command(
    after_help = "A server refuses definitions whose plugins are not what the file pins. Whoever reviews a change \
sees it there.\n\n\
Exit code: 0 written, or the same already, 2 the definitions have errors, or with --check the file is out of date\n\n\
Examples:\n  kiket plugin lock\n  kiket plugin lock --check"
)]
pub(super) struct Arguments {
    /// Folder that holds .kiket/, or one below it
    #[arg(long, default_value = ".", value_name = "DIR")]
    path: PathBuf,
    /// Write nothing, and fail where the file is not what would be written
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let root = tree::find_root(&arguments.path)?;
    let tree = tree::look(&root).await?;
    let (text, found) = revision::lock(&tree.sources, &tree.catalog);
    let Some(text) = text else {
        let shown = found.iter().map(|found| {
            let source = tree.sources.iter().find(|source| source.path == found.path);
            Refused::of(std::slice::from_ref(found), source.map(|source| source.text.as_str())).0
        });
        return Ok(Refused(shown.collect()).end());
    };
    let path = root.join(FILE);
    let is_current = fs::read_to_string(&path).is_ok_and(|old| old == text);
    if is_current {
        emit(&format!("{FILE} is up to date\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.check {
        emit(&format!("{FILE} is out of date: `kiket plugin lock` writes it\n"))?;
        return Ok(ExitCode::from(2));
    }
    write(&path, &text).with_context(|| format!("{} cannot be written", path.display()))?;
    emit(&format!("wrote {FILE}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the file whole or not at all; its rights stay as they are.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let part = path.with_extension("lock.part");
    let mut file = fs::File::create(&part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&part, path)
}
