//! Approvals of a run without a server: whoever sits at the terminal is asked.

use std::io::{IsTerminal as _, Write as _, stderr, stdin};

use kiket_core::RunId;
use kiket_core::run::{Actor, Command};
use serde_json::Value as Json;

use super::text::field;
use crate::app::Engine;

/// Asks at the terminal, and tells the run the answer. Where standard input is none, nobody can be asked, and that
/// is a refusal: the run would wait for ever.
pub(super) async fn ask(engine: &Engine, run: RunId, request: &Json) -> anyhow::Result<()> {
    let stage = request["stage"].as_str().unwrap_or_default().into();
    let actor = Actor::admin(std::env::var("USER").unwrap_or_else(|_| "you".to_owned()));
    let message = field(&request["request"], "message").into_owned();
    let command = if !stdin().is_terminal() {
        let comment = Some("nobody can be asked: standard input is no terminal".to_owned());
        Command::Reject { stage, actor, comment }
    } else if tokio::task::spawn_blocking(move || agrees(&message)).await?? {
        Command::Approve { stage, actor, comment: None }
    } else {
        Command::Reject { stage, actor, comment: None }
    };
    Ok(engine.dispatch.tell(run, command).await?)
}

fn agrees(message: &str) -> std::io::Result<bool> {
    let question = if message.is_empty() { "go on?" } else { message };
    write!(stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
