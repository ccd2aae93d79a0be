//! `kiket secret`: values of a project that nobody can read back.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use console::Term;
use serde_json::json;
use zeroize::Zeroizing;

use super::client::Connection;
use super::table::Table;
use super::text::{clean, day_and_clock, emit, field, json_line};

/// Set, list and remove the secrets of a project
#[derive(clap::Args)]
#[command(after_help = "A secret can be replaced and removed, and never read back. It is encrypted with the server's \
master key; `kiket run` takes secrets from environment variables instead, KIKET_SECRET_<NAME>.\n\n\
Examples:\n  kiket secret set shop CHAT_HOOK\n  pass show shop/chat | kiket secret set shop CHAT_HOOK")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Set(Set),
    Ls(Ls),
    Rm(Rm),
}

/// Set a secret, from a hidden prompt, a pipe or a file
///
/// It is never an argument: those are shown to everybody on the machine and kept in histories. Of what comes
/// from a pipe, one line break at the end is left out; a file is taken as it is.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket secret set shop CHAT_HOOK\n  \
                        openssl rand -hex 20 | kiket secret set shop SIGNING_KEY\n  \
                        kiket secret set shop DEPLOY_KEY --file ~/.ssh/deploy")]
struct Set {
    /// Name of the project
    project: String,
    /// Name of the secret: A-Z, 0-9 and _
    name: String,
    /// Read the value from standard input, also where that is a terminal
    #[arg(long, conflicts_with = "file")]
    value_stdin: bool,
    /// Read the value from a file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// List the names of a project's secrets
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket secret ls shop")]
struct Ls {
    /// Name of the project
    project: String,
    #[command(flatten)]
    connection: Connection,
}

/// Remove a secret
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket secret rm shop CHAT_HOOK")]
struct Rm {
    /// Name of the project
    project: String,
    /// Name of the secret
    name: String,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Set(set) => set.run().await,
        Command::Ls(ls) => ls.run().await,
        Command::Rm(rm) => rm.run().await,
    }
}

impl Set {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.connection.client()?;
        let value = self.value()?;
        anyhow::ensure!(!value.is_empty(), "the value is empty");
        client.put(&["projects", &self.project, "secrets", &self.name], &json!({ "value": *value })).await?;
        done(&self.connection, &self.project, &self.name, "set")
    }

    fn value(&self) -> anyhow::Result<Zeroizing<String>> {
        if let Some(file) = &self.file {
            let text = fs::read_to_string(file);
            return text.map(Zeroizing::new).with_context(|| format!("{} cannot be read as text", file.display()));
        }
        if self.value_stdin || !io::stdin().is_terminal() {
            let mut text = Zeroizing::new(String::new());
            io::stdin().lock().read_to_string(&mut text).context("standard input is not text")?;
            let line = text.strip_suffix('\n').unwrap_or(&text);
            return Ok(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()));
        }
        let terminal = Term::stderr();
        if !terminal.is_term() {
            bail!("the value cannot be asked for here: give --value-stdin or --file");
        }
        terminal.write_str(&format!("value of {} (it is not shown): ", clean(&self.name)))?;
        Ok(Zeroizing::new(terminal.read_secure_line()?))
    }
}

impl Ls {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let answer = self.connection.client()?.get(&["projects", &self.project, "secrets"], &[]).await?;
        if self.connection.json {
            emit(&(json_line(&answer["data"]) + "\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(&["NAME", "SET FIRST", "SET LAST"]);
        for secret in answer["data"].as_array().into_iter().flatten() {
            let time = |key: &str| day_and_clock(&secret[key]).unwrap_or_default().into();
            table.row([field(secret, "name"), time("created_at"), time("updated_at")]);
        }
        emit(&table.render("no secrets; `kiket secret set PROJECT NAME` sets one"))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Rm {
    async fn run(self) -> anyhow::Result<ExitCode> {
        self.connection.client()?.delete(&["projects", &self.project, "secrets", &self.name]).await?;
        done(&self.connection, &self.project, &self.name, "removed")
    }
}

/// Says what was done.
pub(super) fn done(connection: &Connection, project: &str, name: &str, what: &str) -> anyhow::Result<ExitCode> {
    emit(&match connection.json {
        true => json_line(&json!({ "project": project, "name": name, "did": what })) + "\n",
        false => format!("{} of project {} {what}\n", clean(name), clean(project)),
    })?;
    Ok(ExitCode::SUCCESS)
}
