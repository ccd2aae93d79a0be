//! `kiket artifacts`: what runs of a server have left behind.

use std::fs::Permissions;
use std::io::{Write, stdout};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Subcommand;
use reqwest::Response;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tempfile::Builder;

use super::client::Connection;
use super::table::Table;
use super::text::{emit, field, json_line};

/// List, fetch and remove what runs have left behind
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket artifacts ls run_01jd3v7k2mfq9x8y5t4r6s0abc")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Ls(Ls),
    Get(Get),
    Rm(Rm),
}

/// List what a run has left
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket artifacts ls run_01jd3v7k2mfq9x8y5t4r6s0abc")]
struct Ls {
    /// The run's id
    run: String,
    #[command(flatten)]
    connection: Connection,
}

/// Fetch an artifact: a file, or a folder as a tar archive
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket artifacts get shop sha256:4f5c… app\n  \
                        kiket artifacts get shop sha256:9be1… - | tar -x -C site")]
struct Get {
    /// The project
    project: String,
    /// The artifact's digest
    digest: String,
    /// Where to write it; - is the standard output
    #[arg(value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

/// Remove an artifact of a project
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket artifacts rm shop sha256:4f5c…")]
struct Rm {
    /// The project
    project: String,
    /// The artifact's digest
    digest: String,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Ls(ls) => ls.run().await?,
        Command::Get(get) => get.run().await?,
        Command::Rm(Rm { project, digest, connection }) => {
            connection.client()?.delete(&["projects", &project, "artifacts", &digest]).await?;
            if connection.json {
                emit(&(json_line(&json!({ "project": project, "digest": digest, "removed": true })) + "\n"))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Ls {
    async fn run(self) -> anyhow::Result<()> {
        let rows = self.connection.client()?.get_all(&["runs", &self.run, "artifacts"], &[]).await?;
        if self.connection.json {
            return rows.iter().try_for_each(|row| emit(&(json_line(row) + "\n"))).map_err(Into::into);
        }
        let mut table = Table::new(&["STAGE", "NAME", "KIND", "BYTES", "DIGEST"]);
        for row in &rows {
            let cell = |key: &str| field(row, key).into_owned();
            table.row([cell("stage"), cell("name"), cell("kind"), row["size"].to_string(), cell("digest")]);
        }
        Ok(emit(&table.render("the run has left nothing behind"))?)
    }
}

impl Get {
    async fn run(self) -> anyhow::Result<()> {
        let client = self.connection.client()?;
        let answer = client.open(&["projects", &self.project, "artifacts", &self.digest]).await?;
        if self.to == Path::new("-") {
            return receive(answer, &self.digest, &mut stdout().lock()).await;
        }
        // The file is whole, and what was asked for, or it is not there.
        let folder = self.to.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let part = Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder);
        let mut file = part.with_context(|| format!("cannot write to {}", folder.display()))?;
        receive(answer, &self.digest, file.as_file_mut()).await?;
        file.persist(&self.to).with_context(|| format!("cannot write {}", self.to.display()))?;
        if self.connection.json {
            emit(&(json_line(&json!({ "digest": self.digest, "file": self.to.display().to_string() })) + "\n"))?;
        }
        Ok(())
    }
}

/// Writes an answer's body, and checks that it is what the digest names.
async fn receive(mut answer: Response, digest: &str, to: &mut impl Write) -> anyhow::Result<()> {
    let mut hash = Sha256::new();
    while let Some(chunk) = answer.chunk().await? {
        hash.update(&chunk);
        to.write_all(&chunk)?;
    }
    to.flush()?;
    let found = format!("sha256:{}", hex::encode(hash.finalize()));
    ensure!(found == digest, "what the server sent is not {digest} but {found}");
    Ok(())
}
