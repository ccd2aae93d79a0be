//! What became of an effect in doubt, and how people say so: `kiket runs resolve`, or an answer at the terminal of
//! `kiket run`.

use std::io::{IsTerminal as _, Write as _, stderr, stdin};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use kiket_core::RunId;
use kiket_core::run::{Actor, Command, Resolution};
use serde_json::{Value as Json, json};

use super::client::Connection;
use super::text::{emit, field, json_line};
use crate::app::Engine;

/// Say what became of an effect that nobody knows the end of
///
/// A stage needs attention where the server stopped, or a connection broke, while something was on its way that may
/// happen once at most. Look at the other side, then say whether it happened.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket runs resolve run_01jd3v7k2mfq9x8y5t4r6s0abc pay happened\n  \
                        kiket runs resolve run_01jd3v7k2mfq9x8y5t4r6s0abc pay retry --comment 'no such payment there'")]
pub(super) struct Resolve {
    /// The run's id
    run: String,
    /// The stage that needs attention
    stage: String,
    /// `happened`: the stage has succeeded; `retry`: it did not happen, do it again
    resolution: Became,
    /// The action's output where it happened, a JSON object
    #[arg(long, value_name = "JSON")]
    outputs: Option<String>,
    /// Why, for those who read it later
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, clap::ValueEnum, PartialEq)]
enum Became {
    Happened,
    Retry,
}

impl Resolve {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let resolution = if self.resolution == Became::Happened { "happened" } else { "retry" };
        let mut body = json!({ "resolution": resolution });
        if let Some(outputs) = &self.outputs {
            body["outputs"] = serde_json::from_str(outputs).with_context(|| format!("`{outputs}` is not JSON"))?;
        }
        if let Some(comment) = self.comment {
            body["comment"] = comment.into();
        }
        let path = ["runs", &self.run, "stages", &self.stage, "resolve"];
        let stage = self.connection.client()?.post(&path, &body).await?;
        let line = match self.connection.json {
            true => json_line(&stage),
            false => format!("{} is {}", field(&stage, "id"), field(&stage, "status")),
        };
        emit(&format!("{line}\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Says what is in doubt: `POST https://… : the server stopped while it was on its way`.
pub(super) fn doubt(of: &Json) -> String {
    let doubt = &of["doubt"];
    format!("{}: {}", field(&doubt["intent"], "summary"), field(doubt, "reason"))
}

/// Says how to go on with a stage that needs attention.
pub(super) fn how_to(run: &str, stage: &str) -> String {
    format!("to go on: kiket runs resolve {run} {stage} happened|retry")
}

/// Asks at the terminal what became of it. Where nobody can be asked the run is cancelled: it would wait for ever.
pub(super) async fn ask(engine: &Engine, run: RunId, event: &Json) -> anyhow::Result<()> {
    let stage = event["stage"].as_str().unwrap_or_default();
    if !stdin().is_terminal() {
        engine.dispatch.tell(run, Command::Cancel).await?;
        bail!("nobody can be asked what became of {}: standard input is no terminal", doubt(event));
    }
    let question = doubt(event);
    let resolution = match tokio::task::spawn_blocking(move || happened(&question)).await?? {
        true => Resolution::Happened { outputs: json!({}) },
        false => Resolution::Retry,
    };
    let actor = Actor::admin(std::env::var("USER").unwrap_or_else(|_| "you".to_owned()));
    Ok(engine.dispatch.resolve(run, stage, actor, resolution, None, None).await?)
}

fn happened(question: &str) -> std::io::Result<bool> {
    loop {
        write!(stderr(), "{question}\nhas it happened? yes, or no to do it again: ")?;
        let mut answer = String::new();
        if stdin().read_line(&mut answer)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match answer.trim() {
            "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ => {}
        }
    }
}
