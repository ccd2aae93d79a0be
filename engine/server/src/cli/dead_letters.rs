//! `kiket dead-letters`: what a server has given up.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::client::Connection;
use super::table::Table;
use super::text::{clean, day_and_clock, emit, field, json_line};

/// List what a server has given up, try it again, or let it go
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket dead-letters ls --project shop")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Ls(Ls),
    Retry(Retry),
    Discard(Discard),
}

/// List what was given up, the latest first
#[derive(clap::Args)]
#[command(after_help = "Kinds: delivery, item, run, stage, status, sync\n\n\
                        Examples:\n  kiket dead-letters ls\n  kiket dead-letters ls --project shop --kind delivery")]
struct Ls {
    /// Of this project
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// Of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Try something again; for a stage that needs attention it says that the effect did not happen
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket dead-letters retry 17")]
struct Retry {
    /// Its number
    id: String,
    #[command(flatten)]
    connection: Connection,
}

/// Take something from the list and leave it as it is
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket dead-letters discard 17")]
struct Discard {
    /// Its number
    id: String,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Ls(ls) => ls.run().await?,
        Command::Retry(Retry { id, connection }) => settle(&connection, &id, "retry").await?,
        Command::Discard(Discard { id, connection }) => settle(&connection, &id, "discard").await?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Ls {
    async fn run(self) -> anyhow::Result<()> {
        let query = [("project", self.project.as_deref()), ("kind", self.kind.as_deref())];
        let query: Vec<(&str, &str)> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let letters = self.connection.client()?.get_all(&["dead-letters"], &query).await?;
        if self.connection.json {
            return letters.iter().try_for_each(|letter| emit(&(json_line(letter) + "\n"))).map_err(Into::into);
        }
        let mut table = Table::new(&["ID", "KIND", "PROJECT", "ABOUT", "TRIES", "SINCE", "REASON"]);
        for letter in &letters {
            let cell = |key: &str| field(letter, key).into_owned();
            let since = day_and_clock(&letter["since"]).unwrap_or_default();
            let tries = letter["tries"].to_string();
            table.row([cell("id"), cell("kind"), cell("project"), cell("about"), tries, since, cell("reason")]);
        }
        Ok(emit(&table.render("nothing is given up"))?)
    }
}

async fn settle(connection: &Connection, id: &str, how: &str) -> anyhow::Result<()> {
    let letter = connection.client()?.post(&["dead-letters", id, how], &json!({})).await?;
    if connection.json {
        return Ok(emit(&(json_line(&letter) + "\n"))?);
    }
    let (kind, about, state) = (field(&letter, "kind"), field(&letter, "about"), field(&letter, "state"));
    Ok(emit(&format!("{} {kind} {about} is {state}\n", clean(id)))?)
}
