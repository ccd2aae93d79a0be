//! `kiket runs`: the runs of a server.

use std::io::stdout;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value as Json, json};

use super::client::Connection;
use super::follow::Follow;
use super::table::Table;
use super::text::{below_headline, between, clean, commit, duration, emit, field, headline, json_line, style_of};
use super::view::{Mode, View};

/// List, show, watch and cancel the runs of a server
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket runs ls --project shop --status failed")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Ls(Ls),
    Show(Show),
    Watch(Watch),
    Logs(Logs),
    Cancel(Cancel),
}

/// List runs, the newest first
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket runs ls\n  kiket runs ls --project shop --status failed --limit 5")]
struct Ls {
    /// Only runs of this project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Only runs with this status: queued, running, succeeded, failed, cancelled
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
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
#[command(after_help = "Exit code: 0 the run succeeded, 1 it did not\n\n\
                        Example:\n  kiket runs watch run_01jd3v7k2mfq9x8y5t4r6s0abc")]
struct Watch {
    /// The run's id
    id: String,
    #[command(flatten)]
    connection: Connection,
}

/// Print what a run's stages wrote
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket runs logs run_01jd3v7k2mfq9x8y5t4r6s0abc\n  \
                        kiket runs logs run_01jd3v7k2mfq9x8y5t4r6s0abc build")]
struct Logs {
    /// The run's id
    id: String,
    /// Only this stage
    stage: Option<String>,
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
        Command::Ls(ls) => ls.run().await,
        Command::Show(show) => show.run().await,
        Command::Watch(watch) => watch.run().await,
        Command::Logs(logs) => logs.run().await,
        Command::Cancel(cancel) => cancel.run().await,
    }
}

impl Ls {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let limit = self.limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(self.project.as_deref().map(|project| ("project", project)));
        query.extend(self.status.as_deref().map(|status| ("status", status)));
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
        let client = self.connection.client()?;
        let mut follow = Follow::start(&client, &self.id).await?;
        let mut view = View::new(Mode::choose(self.connection.json), stdout());
        let mut last = String::new();
        while let Some(event) = follow.next().await? {
            view.event(&event.kind, &event.data)?;
            last = event.kind;
        }
        Ok(if last == "run.succeeded" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Logs {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.connection.client()?;
        let stages = match &self.stage {
            Some(stage) => vec![stage.clone()],
            None => {
                let run = client.get(&["runs", &self.id], &[]).await?;
                let stages = run["stages"].as_array().into_iter().flatten();
                stages.filter_map(|stage| stage["id"].as_str().map(str::to_owned)).collect()
            }
        };
        for stage in &stages {
            let log = client.get_text(&["runs", &self.id, "stages", stage, "log"]).await?;
            let prefix = if self.stage.is_some() { String::new() } else { format!("{} | ", clean(stage)) };
            emit(&if self.connection.json {
                json_line(&json!({ "stage": stage, "lines": log.lines().collect::<Vec<_>>() })) + "\n"
            } else {
                log.lines().map(|line| format!("{prefix}{}\n", clean(line))).collect()
            })?;
        }
        Ok(ExitCode::SUCCESS)
    }
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

fn list(runs: &Json) -> String {
    let mut table = Table::new(&["RUN", "PROJECT", "PIPELINE", "STATUS", "COMMIT", "TRIGGER", "CREATED", "TOOK"]);
    for run in runs.as_array().into_iter().flatten() {
        table.row([
            &field(run, "id"),
            &field(run, "project"),
            &field(run, "pipeline"),
            &field(run, "status"),
            &commit(run).into(),
            &trigger(run).into(),
            &second(run, "created_at").into(),
            &took(run).into(),
        ]);
    }
    table.render("no runs")
}

fn describe(run: &Json) -> String {
    let mut text = format!("run {}\n", field(run, "id"));
    let mut line = |title: &str, value: &str| {
        if !value.is_empty() {
            text += &format!("  {title:<10}{value}\n");
        }
    };
    line("project", &field(run, "project"));
    line("pipeline", &field(run, "pipeline"));
    let status = field(run, "status");
    line("status", &style_of(&status).apply_to(&status).to_string());
    line("commit", &field(run, "commit"));
    line("ref", &field(run, "ref"));
    line("trigger", &trigger(run));
    line("created", &second(run, "created_at"));
    line("took", &took(run));
    if run["error"].is_object() {
        line("error", &problem(run));
    }
    for (name, value) in run["outputs"].as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        line("output", &format!("{}: {}", clean(name), clean(&value)));
    }
    let mut table = Table::new(&["STAGE", "STATUS", "ATTEMPT", "TOOK", "CPU", "MEMORY", "ERROR"]);
    for stage in run["stages"].as_array().into_iter().flatten() {
        let usage = |key: &str| stage["usage"][key].as_u64();
        table.row([
            &field(stage, "id"),
            &field(stage, "status"),
            &stage["attempt"].as_u64().filter(|attempt| *attempt > 0).map(|n| n.to_string()).unwrap_or_default().into(),
            &took(stage).into(),
            &usage("cpu_ms").map(|ms| format!("{ms} ms")).unwrap_or_default().into(),
            &usage("memory_bytes").map(mebibytes).unwrap_or_default().into(),
            &problem(stage).into(),
        ]);
    }
    text += "\n";
    text += &table.render("no stages");
    for stage in run["stages"].as_array().into_iter().flatten() {
        let details = below_headline(&stage["error"]);
        if !details.is_empty() {
            text += &format!("\n{}: {}\n", field(stage, "id"), problem(stage));
            details.iter().for_each(|line| text += &format!("  {line}\n"));
        }
    }
    text
}

/// Says why a run or a stage did not succeed.
fn problem(of: &Json) -> String {
    match (&of["error"], field(of, "reason")) {
        (Json::Object(_), _) => headline(&of["error"]),
        (_, reason) => reason.into_owned(),
    }
}

/// What started a run: a word, or an object whose `type` is the word.
fn trigger(run: &Json) -> String {
    let word = run["trigger"].as_str().or(run["trigger"]["type"].as_str());
    clean(word.unwrap_or_default()).into_owned()
}

fn took(of: &Json) -> String {
    between(&of["started_at"], &of["finished_at"]).map(duration).unwrap_or_default()
}

/// A time without its fraction.
fn second(of: &Json, key: &str) -> String {
    let time = field(of, key);
    match time.split_once('.') {
        Some((second, _)) => format!("{second}Z"),
        None => time.into_owned(),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Json {
        json!({
            "id": "run_01", "project": "shop", "pipeline": "release", "status": "failed",
            "commit": "0123456789abcdef0123456789abcdef01234567", "ref": "refs/heads/main", "trigger": {"type": "push"},
            "created_at": "2026-01-02T12:00:00.000Z", "started_at": "2026-01-02T12:00:00.010Z",
            "finished_at": "2026-01-02T12:00:03.410Z", "outputs": {"url": "https://shop"}, "error": null,
            "stages": [
                {"id": "build", "status": "succeeded", "attempt": 1, "started_at": "2026-01-02T12:00:00.010Z",
                 "finished_at": "2026-01-02T12:00:01.190Z", "usage": {"cpu_ms": 840, "memory_bytes": 12_900_000}},
                {"id": "deploy", "status": "failed", "attempt": 2, "started_at": "2026-01-02T12:00:03.000Z",
                 "finished_at": "2026-01-02T12:00:03.300Z",
                 "error": {"code": "timeout_cpu", "message": "the guest used \u{1b}[31m30 s"}},
                {"id": "tell", "status": "skipped", "attempt": 0, "reason": "deploy failed"},
            ],
        })
    }

    #[test]
    fn shows_a_run_with_its_stages() {
        insta::assert_snapshot!(console::strip_ansi_codes(&describe(&run())), @r"
        run run_01
          project   shop
          pipeline  release
          status    failed
          commit    0123456789abcdef0123456789abcdef01234567
          ref       refs/heads/main
          trigger   push
          created   2026-01-02T12:00:00Z
          took      3.4 s
          output    url: https://shop

        STAGE   STATUS     ATTEMPT  TOOK   CPU     MEMORY    ERROR
        build   succeeded  1        1.2 s  840 ms  12.3 MiB  -
        deploy  failed     2        0.3 s  -       -         timeout_cpu: the guest used 30 s
        tell    skipped    -        -      -       -         deploy failed
        ");
    }

    #[test]
    fn lists_runs_in_columns() {
        insta::assert_snapshot!(console::strip_ansi_codes(&list(&json!([run()]))), @r"
        RUN     PROJECT  PIPELINE  STATUS  COMMIT      TRIGGER  CREATED               TOOK
        run_01  shop     release   failed  0123456789  push     2026-01-02T12:00:00Z  3.4 s
        ");
        assert_eq!(list(&json!([])), "no runs\n");
    }
}
