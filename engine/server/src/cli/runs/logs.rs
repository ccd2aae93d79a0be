//! `kiket runs logs`: what stages wrote, line by line as it arrives.

use std::process::ExitCode;

use serde_json::json;

use super::super::client::{Client, Connection};
use super::super::follow::Follow;
use super::super::text::{clean, emit, field, json_line};
use super::lines::Lines;

/// Print what a run's stages wrote
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket runs logs run_01jd3v7k2mfq9x8y5t4r6s0abc\n  \
                        kiket runs logs run_01jd3v7k2mfq9x8y5t4r6s0abc build --tail 50 --follow\n  \
                        kiket runs logs run_01jd3v7k2mfq9x8y5t4r6s0abc build --attempt 1")]
pub(super) struct Logs {
    /// The run's id
    id: String,
    /// Only this stage
    stage: Option<String>,
    /// Only the last lines
    #[arg(long, value_name = "N")]
    tail: Option<u64>,
    /// Go on until the stage, or the run, has ended
    #[arg(long, short)]
    follow: bool,
    /// Only lines of this attempt, counted from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempt: Option<u32>,
    #[command(flatten)]
    connection: Connection,
}

impl Logs {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.connection.client()?;
        match &self.stage {
            Some(stage) => self.print(&client, stage, false).await?,
            None if self.follow => self.follow_all(&client).await?,
            None => {
                let run = client.get(&["runs", &self.id], &[]).await?;
                let stages = run["stages"].as_array().into_iter().flatten();
                for stage in stages.filter_map(|stage| stage["id"].as_str()) {
                    self.print(&client, stage, true).await?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Prints one stage's log as it comes.
    async fn print(&self, client: &Client, stage: &str, named: bool) -> anyhow::Result<()> {
        let mut lines = Lines::open(client, &self.id, stage, self.tail, self.attempt, self.follow).await?;
        let (prefix, mut all) = (prefix(stage, named), Vec::new());
        while let Some(line) = lines.next().await? {
            match self.connection.json {
                true if self.follow => emit(&(json_line(&json!({ "stage": stage, "line": line })) + "\n"))?,
                true => all.push(line),
                false => emit(&format!("{prefix}{}\n", clean(&line)))?,
            }
        }
        if self.connection.json && !self.follow {
            emit(&(json_line(&json!({ "stage": stage, "lines": all })) + "\n"))?;
        }
        Ok(())
    }

    /// Prints the lines of all stages until the run has ended, however often the connection is lost.
    async fn follow_all(&self, client: &Client) -> anyhow::Result<()> {
        anyhow::ensure!(self.tail.is_none(), "name the stage whose last lines to begin with");
        let mut follow = Follow::start(client, &self.id).await?;
        while let Some(event) = follow.next().await? {
            let wanted = self.attempt.is_none_or(|attempt| event.data["attempt"] == attempt);
            if event.kind != "stage.log" || !wanted {
                continue;
            }
            let stage = field(&event.data, "stage");
            let texts = event.data["lines"].as_array().into_iter().flatten();
            for line in texts.filter_map(|line| line["text"].as_str()) {
                emit(&match self.connection.json {
                    true => json_line(&json!({ "stage": stage, "line": line })) + "\n",
                    false => format!("{}{}\n", prefix(&stage, true), clean(line)),
                })?;
            }
        }
        Ok(())
    }
}

fn prefix(stage: &str, named: bool) -> String {
    if named { format!("{} | ", clean(stage)) } else { String::new() }
}
