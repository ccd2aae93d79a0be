//! `kiket runs retry`, `resume` and `replay`: ended runs once more.

use std::process::ExitCode;

use serde_json::{Value as Json, json};

use super::super::client::{Client, Connection};
use super::super::text::{emit, field, json_line};
use super::super::unknown::unknown;
use super::describe::stages;
use super::start::{After, is_not_found};

/// Try a failed or cancelled run again; what it has done is kept
///
/// A new run of the same definitions on the same commit with the same inputs. Stages that succeeded are not run again.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket runs retry run_01jd3v7k2mfq9x8y5t4r6s0abc --watch\n  \
                        kiket runs retry run_01jd3v7k2mfq9x8y5t4r6s0abc --from-start\n  \
                        kiket runs retry run_01jd3v7k2mfq9x8y5t4r6s0abc --newest")]
pub(super) struct Retry {
    /// The run's id
    id: String,
    /// Keep nothing: run every stage again
    #[arg(long)]
    from_start: bool,
    /// Run the newest definitions and commit with the run's inputs; keeps nothing
    #[arg(long)]
    newest: bool,
    #[command(flatten)]
    after: After,
}

/// Go on with an ended run, from the stage that failed or from one you name
///
/// A new run. The stage that is named runs again with everything after it, whatever became of it.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket runs resume run_01jd3v7k2mfq9x8y5t4r6s0abc --watch\n  \
                        kiket runs resume run_01jd3v7k2mfq9x8y5t4r6s0abc --from deploy")]
pub(super) struct Resume {
    /// The run's id
    id: String,
    /// The stage to go on from
    #[arg(long, value_name = "STAGE")]
    from: Option<String>,
    #[command(flatten)]
    after: After,
}

/// Fold a run's recorded events again, up to any of them; runs nothing
///
/// Shows where the run stood then, and whether its events still lead to the state that is stored.
#[derive(clap::Args)]
#[command(after_help = "Exit code: 0 they do, 1 they do not\n\n\
                        Examples:\n  kiket runs replay run_01jd3v7k2mfq9x8y5t4r6s0abc\n  \
                        kiket runs replay run_01jd3v7k2mfq9x8y5t4r6s0abc --until 7")]
pub(super) struct Replay {
    /// The run's id
    id: String,
    /// The last event that counts, by its `seq`
    #[arg(long, value_name = "SEQ")]
    until: Option<u64>,
    #[command(flatten)]
    connection: Connection,
}

impl Retry {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.after.connection.client()?;
        let body = json!({ "from_start": self.from_start, "newest": self.newest });
        self.after.send(&client, &["runs", &self.id, "retry"], &body).await
    }
}

impl Resume {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.after.connection.client()?;
        let body = self.from.as_ref().map_or_else(|| json!({}), |from| json!({ "from": from }));
        match (self.after.send(&client, &["runs", &self.id, "resume"], &body).await, &self.from) {
            (Err(error), Some(from)) if is_not_found(&error) => Err(no_stage(&client, &self.id, from, error).await),
            (outcome, _) => outcome,
        }
    }
}

impl Replay {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.connection.client()?;
        let body = self.until.map_or_else(|| json!({}), |until| json!({ "until": until }));
        let replayed = client.post(&["runs", &self.id, "replay"], &body).await?;
        emit(&if self.connection.json { json_line(&replayed) + "\n" } else { describe(&replayed) })?;
        Ok(if replayed["same"] == true { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn describe(replayed: &Json) -> String {
    let same = match replayed["same"] == true {
        true => "all of them lead to the state that is stored",
        false => "all of them do NOT lead to the state that is stored",
    };
    let (seq, events) = (&replayed["seq"], &replayed["events"]);
    let (id, status, at) = (field(replayed, "id"), field(replayed, "status"), field(replayed, "at"));
    format!("{id} was {status} after event {seq} of {events}, at {at}\n{same}\n\n{}", stages(replayed))
}

/// Says what was probably meant, where it is the stage that there is not.
async fn no_stage(client: &Client, run: &str, stage: &str, error: anyhow::Error) -> anyhow::Error {
    let Ok(run) = client.get(&["runs", run], &[]).await else { return error };
    let stages = run["stages"].as_array().into_iter().flatten().filter_map(|stage| stage["id"].as_str());
    unknown("stage", stage, stages)
}
