//! `kiket backup`: one file of everything a server cannot make again.

use std::path::PathBuf;
use std::process::ExitCode;

use super::text::{clean, emit, json_line};
use crate::backup::{self, Summary};

/// Write a backup of a server to one file, also while the server runs
///
/// It runs on the server's machine, as the server's user, and reads its data folder. The file is a tar archive of the
/// database as it is at one moment, the components and the artifacts. The master key is NOT in it: without a copy of
/// that file, kept elsewhere, the secrets in a backup are lost.
#[derive(clap::Args)]
#[command(after_help = "Exit code: 0 written, 2 written but something is missing or damaged, 1 not written\n\n\
                        Examples:\n  kiket backup /backup/kiket.tar --data /var/lib/kiket\n  \
                        mkdir -m 700 /var/lib/new && tar -xf /backup/kiket.tar -C /var/lib/new")]
pub(super) struct Arguments {
    /// The file to write, which must not exist
    file: PathBuf,
    /// File of settings of the server; kiket.toml where that is there
    #[arg(long, env = "KIKET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of everything the server keeps
    #[arg(long, env = "KIKET_DATA", default_value = "kiket-data", value_name = "DIR")]
    data: PathBuf,
    /// Put the master key in as well: whoever has the file can then read every secret
    #[arg(long)]
    with_master_key: bool,
    /// File of the master key, where it is not master.key in the data folder
    #[arg(long, env = "KIKET_MASTER_KEY_FILE", value_name = "FILE")]
    master_key_file: Option<PathBuf>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let key = arguments.master_key_file.unwrap_or_else(|| arguments.data.join("master.key"));
    let taken = arguments.with_master_key.then(|| key.clone());
    let summary = backup::write(&arguments.data, taken, &arguments.file).await?;
    for digest in &summary.missing {
        eprintln!("warning: artifact {digest} is in the database and not in the backup: it was not there");
    }
    for path in &summary.damaged {
        eprintln!("warning: {} is damaged, here and in the backup", clean(path));
    }
    if !summary.master_key && key.exists() {
        eprintln!(
            "warning: the master key is not in the backup: without a copy of {} nobody can read its secrets",
            clean(&key.display().to_string())
        );
    }
    let Summary { bytes, plugins, artifacts, .. } = &summary;
    let text = match arguments.json {
        true => json_line(&serde_json::to_value(&summary)?) + "\n",
        false => {
            let name = arguments.file.display().to_string();
            format!(
                "{}: the database, {plugins} components, {artifacts} artifacts; {bytes} bytes, read back\n",
                clean(&name)
            )
        }
    };
    emit(&text)?;
    let whole = summary.missing.is_empty() && summary.damaged.is_empty();
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(2) })
}
