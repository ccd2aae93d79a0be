//! `kiket env`: the plain values of a project, which expressions read as `env.NAME`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;

use super::client::Connection;
use super::secret::done;
use super::table::Table;
use super::text::{day_and_clock, emit, field, json_line};

/// Set, list and remove the plain values of a project, `env.NAME` in expressions
#[derive(clap::Args)]
#[command(after_help = "A run keeps the values that it was started with. They are shown to whoever may see the \
project; what must not be seen is a secret.\n\n\
Example:\n  kiket env set shop REGION=eu-central-1 REPLICAS=3")]
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

/// Set values
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket env set shop REGION=eu-central-1 REPLICAS=3")]
struct Set {
    /// Name of the project
    project: String,
    /// What to set; every value is text
    #[arg(required = true, value_name = "NAME=VALUE")]
    values: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

/// List the values of a project
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket env ls shop")]
struct Ls {
    /// Name of the project
    project: String,
    #[command(flatten)]
    connection: Connection,
}

/// Remove a value
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket env rm shop REGION")]
struct Rm {
    /// Name of the project
    project: String,
    /// Name of the value
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
        let values = self.values.iter().map(|text| split(text)).collect::<anyhow::Result<Vec<_>>>()?;
        for (name, value) in values {
            client.put(&["projects", &self.project, "env", name], &json!({ "value": value })).await?;
            done(&self.connection, &self.project, name, "set")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Ls {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let answer = self.connection.client()?.get(&["projects", &self.project, "env"], &[]).await?;
        if self.connection.json {
            emit(&(json_line(&answer["data"]) + "\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(&["NAME", "VALUE", "SET LAST"]);
        for value in answer["data"].as_array().into_iter().flatten() {
            let time = day_and_clock(&value["updated_at"]).unwrap_or_default();
            table.row([field(value, "name"), field(value, "value"), time.into()]);
        }
        emit(&table.render("no values; `kiket env set PROJECT NAME=VALUE` sets one"))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Rm {
    async fn run(self) -> anyhow::Result<ExitCode> {
        self.connection.client()?.delete(&["projects", &self.project, "env", &self.name]).await?;
        done(&self.connection, &self.project, &self.name, "removed")
    }
}

/// Splits `NAME=VALUE`.
pub(super) fn split(text: &str) -> anyhow::Result<(&str, &str)> {
    text.split_once('=').with_context(|| format!("`{text}` is not NAME=VALUE"))
}
