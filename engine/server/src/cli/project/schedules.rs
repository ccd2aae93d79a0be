//! `kiket project schedules`: the times that start runs.

use std::process::ExitCode;

use super::super::client::Connection;
use super::super::table::Table;
use super::super::text::{emit, field, json_line};

/// List the schedules that are in force, when each is due next, and the last run it started
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket project schedules shop")]
pub(super) struct Schedules {
    /// Name of the project
    name: String,
    #[command(flatten)]
    connection: Connection,
}

impl Schedules {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let answer = self.connection.client()?.get_all(&["projects", &self.name, "schedules"], &[]).await?;
        if self.connection.json {
            emit(&(json_line(&answer.into()) + "\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(&["PIPELINE", "CRON", "TIME ZONE", "NEXT", "LAST", "RUN"]);
        for found in &answer {
            let (pipeline, cron, timezone) = (field(found, "pipeline"), field(found, "cron"), field(found, "timezone"));
            let (next, last, run) = (field(found, "next"), field(found, "last"), field(found, "last_run"));
            table.row([&pipeline, &cron, &timezone, &next, &last, &run]);
        }
        emit(&table.render("no pipeline in force has a schedule"))?;
        Ok(ExitCode::SUCCESS)
    }
}
