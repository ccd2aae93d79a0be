//! `kiket runs`: the runs of a server.

mod again;
mod describe;
mod lines;
mod logs;
mod start;

use std::io::stdout;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::approve::{Approve, Reject};
use super::client::{Client, Connection};
use super::follow::Follow;
use super::resolve::Resolve;
use super::text::{emit, field, json_line};
use super::view::{Mode, View};
use again::{Replay, Resume, Retry};
use describe::{describe, list};
use logs::Logs;
use start::{Start, Submit};

/// Start, follow, repeat, approve and cancel the runs of a server
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket runs start shop release --watch")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Start(Start),
    Submit(Submit),
    Ls(Ls),
    Show(Show),
    Watch(Watch),
    Logs(Logs),
    Retry(Retry),
    Resume(Resume),
    Replay(Replay),
    Approve(Approve),
    Reject(Reject),
    Resolve(Resolve),
    Cancel(Cancel),
}

/// List runs, the newest first
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket runs ls\n  kiket runs ls --project shop --status failed --limit 5")]
struct Ls {
    /// Only runs of this project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Only runs with this status: queued, running, waiting, needs_attention,
    /// compensating, succeeded, failed, cancelled
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only runs of this pipeline
    #[arg(long, value_name = "ID")]
    pipeline: Option<String>,
    /// Only runs on this Git reference, for example refs/heads/main
    #[arg(long, value_name = "REF")]
    r#ref: Option<String>,
    /// Only runs that were queued at this time or later, for example 2026-01-02T15:04:05Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only runs that were queued before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200), value_name = "N")]
    limit: u32,
    #[command(flatten)]
    connection: Connection,
}

/// Show a run and its stages
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket runs show run_01jd3v7k2mfq9x8y5t4r6s0abc")]
struct Show {
    /// The run's id
    id: String,
    #[command(flatten)]
    connection: Connection,
}

/// Follow a run from its first event to its last
#[derive(clap::Args)]
#[command(after_help = "Exit code: 0 the run succeeded or nobody reads on, 1 it did not\n\n\
                        Example:\n  kiket runs watch run_01jd3v7k2mfq9x8y5t4r6s0abc")]
struct Watch {
    /// The run's id
    id: String,
    #[command(flatten)]
    connection: Connection,
}

/// Stop a run
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket runs cancel run_01jd3v7k2mfq9x8y5t4r6s0abc")]
struct Cancel {
    /// The run's id
    id: String,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Start(start) => start.run().await,
        Command::Submit(submit) => submit.run().await,
        Command::Ls(ls) => ls.run().await,
        Command::Show(show) => show.run().await,
        Command::Watch(watch) => watch.run().await,
        Command::Logs(logs) => logs.run().await,
        Command::Retry(retry) => retry.run().await,
        Command::Resume(resume) => resume.run().await,
        Command::Replay(replay) => replay.run().await,
        Command::Approve(approve) => approve.run().await,
        Command::Reject(reject) => reject.run().await,
        Command::Resolve(resolve) => resolve.run().await,
        Command::Cancel(cancel) => cancel.run().await,
    }
}

impl Ls {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let limit = self.limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(self.project.as_deref().map(|project| ("project", project)));
        query.extend(self.status.as_deref().map(|status| ("status", status)));
        query.extend(self.pipeline.as_deref().map(|pipeline| ("pipeline", pipeline)));
        query.extend(self.r#ref.as_deref().map(|reference| ("ref", reference)));
        query.extend(self.since.as_deref().map(|since| ("since", since)));
        query.extend(self.until.as_deref().map(|until| ("until", until)));
        let answer = self.connection.client()?.get(&["runs"], &query).await?;
        emit(&if self.connection.json { json_line(&answer["data"]) + "\n" } else { list(&answer["data"]) })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let run = self.connection.client()?.get(&["runs", &self.id], &[]).await?;
        emit(&if self.connection.json { json_line(&run) + "\n" } else { describe(&run) })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Watch {
    async fn run(self) -> anyhow::Result<ExitCode> {
        watch(&self.connection.client()?, &self.id, self.connection.json).await
    }
}

/// Draws a run from its first event to its last; the exit code is its outcome.
async fn watch(client: &Client, id: &str, json: bool) -> anyhow::Result<ExitCode> {
    let mut follow = Follow::start(client, id).await?;
    let mut view = View::new(Mode::choose(json), stdout()).with_commands();
    let mut last = String::new();
    while let Some(event) = follow.next().await? {
        view.event(&event.kind, &event.data)?;
        if !view.is_read() {
            return Ok(ExitCode::SUCCESS);
        }
        last = event.kind;
    }
    Ok(if last == "run.succeeded" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Cancel {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let answer = self.connection.client()?.post(&["runs", &self.id, "cancel"], &json!({})).await?;
        emit(&if self.connection.json {
            json_line(&answer) + "\n"
        } else {
            format!("{} is {}\n", field(&answer, "id"), field(&answer, "status"))
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
