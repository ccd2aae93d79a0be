//! What people are asked before a run goes on, and how they answer: `kiket runs approve` and `kiket runs reject`.

use std::process::ExitCode;

use serde_json::{Map, Value as Json};

use super::client::Connection;
use super::text::{day_and_clock, emit, field, headline, json_line};

/// Agree to what a stage waits for
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  kiket runs approve run_01jd3v7k2mfq9x8y5t4r6s0abc review --comment 'tested on staging'"
)]
pub(super) struct Approve {
    #[command(flatten)]
    answer: Answer,
}

/// Refuse what a stage waits for: one refusal is enough, and the stage has failed
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  kiket runs reject run_01jd3v7k2mfq9x8y5t4r6s0abc review --comment 'not on a Friday'"
)]
pub(super) struct Reject {
    #[command(flatten)]
    answer: Answer,
}

/// An answer to what people are asked.
#[derive(clap::Args)]
struct Answer {
    /// The run's id
    run: String,
    /// The stage that waits
    stage: String,
    /// Why, for those who read it later
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Approve {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        self.answer.send("approve").await
    }
}

impl Reject {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        self.answer.send("reject").await
    }
}

impl Answer {
    async fn send(self, verdict: &str) -> anyhow::Result<ExitCode> {
        let mut body = Map::new();
        body.extend(self.comment.map(|comment| ("comment".to_owned(), comment.into())));
        let path = ["runs", &self.run, "stages", &self.stage, verdict];
        let stage = self.connection.client()?.post(&path, &Json::Object(body)).await?;
        let line = if self.connection.json { json_line(&stage) } else { describe(&stage) };
        emit(&format!("{line}\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Says in lines what people are asked: who may answer, and how many have to agree by when.
pub(super) fn question(request: &Json) -> [String; 2] {
    let approvers: Vec<String> = request["approvers"].as_array().into_iter().flatten().map(approver).collect();
    let asked = if approvers.is_empty() { "whoever may approve".to_owned() } else { approvers.join(", ") };
    let needed = match request["required"].as_u64() {
        Some(required @ 2..) => format!("{required} approvals"),
        _ => "1 approval".to_owned(),
    };
    let deadline = day_and_clock(&request["deadline"]).map(|time| format!(" by {time}")).unwrap_or_default();
    [format!("asked: {asked}"), format!("needed: {needed}{deadline}")]
}

/// Says how to approve a stage of a run.
pub(super) fn how_to(run: &str, stage: &str) -> String {
    format!("to approve: kiket runs approve {run} {stage}")
}

fn approver(approver: &Json) -> String {
    match approver.get("role") {
        Some(_) => format!("role {}", field(approver, "role")),
        None => format!("user {}", field(approver, "user")),
    }
}

/// Says where a stage stands after an answer.
fn describe(stage: &Json) -> String {
    let id = field(stage, "id");
    match &*field(stage, "status") {
        "waiting" => {
            let granted = stage["wait"]["granted"].as_array().map_or(0, Vec::len);
            let required = stage["wait"]["request"]["required"].as_u64().unwrap_or(1);
            format!("{id} is waiting: {granted} of {required} have approved")
        }
        "failed" | "allowed_failure" => format!("{id} failed, {}", headline(&stage["error"])),
        status => format!("{id} {status}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn says_what_is_asked() {
        let request = json!({
            "message": "Ship it?", "approvers": [{"role": "release_manager"}, {"user": "ada\u{1b}[2J"}],
            "required": 2, "deadline": 1_767_441_600_000_i64,
        });
        assert_eq!(
            question(&request),
            ["asked: role release_manager, user ada", "needed: 2 approvals by 2026-01-03 12:00:00 UTC"]
        );
        let request = json!({"message": "", "approvers": [], "required": 1});
        assert_eq!(question(&request), ["asked: whoever may approve", "needed: 1 approval"]);
        assert_eq!(question(&Json::Null), question(&request));
    }

    #[test]
    fn says_on_one_line_what_came_of_an_answer() {
        let waiting = json!({
            "id": "review", "status": "waiting",
            "wait": {"for": "approval", "request": {"required": 2}, "granted": ["ada"]},
        });
        assert_eq!(describe(&waiting), "review is waiting: 1 of 2 have approved");
        assert_eq!(describe(&json!({"id": "review", "status": "succeeded"})), "review succeeded");
        let error = json!({"code": "rejected", "message": "ada rejected it: not today\nnor tomorrow"});
        let rejected = json!({"id": "review", "status": "failed", "error": error});
        assert_eq!(describe(&rejected), "review failed, rejected: ada rejected it: not today");
    }
}
