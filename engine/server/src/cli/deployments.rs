//! `kiket deployments`: the sites that a server has put live.

use std::process::ExitCode;

use clap::Subcommand;

use super::client::Connection;
use super::table::Table;
use super::text::{day_and_clock, emit, field, json_line};

/// List the sites that a project has live on a server
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket deployments ls shop")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Ls(Ls),
}

/// List the apps of a project with what is live, since when, and where
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket deployments ls shop")]
struct Ls {
    /// Name of the project
    project: String,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Command::Ls(Ls { project, connection }) = arguments.command;
    let answer = connection.client()?.get_all(&["projects", &project, "deployments"], &[]).await?;
    if connection.json {
        emit(&(json_line(&answer.into()) + "\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["APP", "LIVE", "SINCE", "RUN", "URL"]);
    for found in &answer {
        let live = &found["live"];
        let since = day_and_clock(&live["since"]).unwrap_or_default();
        let (app, release, run) = (field(found, "app"), field(live, "release"), field(live, "run"));
        table.row([&app, &release, &since.into(), &run, &field(found, "url")]);
    }
    emit(&table.render("nothing is live; a stage that uses `deploy` puts something there"))?;
    Ok(ExitCode::SUCCESS)
}
