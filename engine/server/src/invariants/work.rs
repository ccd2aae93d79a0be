//! Work of an open run: exactly the rows that its stages wait for, and at most its deadline besides.

use std::collections::BTreeMap;

use kiket_core::run::{Run, Stage, StageState};
use kiket_core::{RunId, Timestamp};
use kiket_store::{Snapshot, StoreError, Task};

use super::{Invariant, Report};

pub(super) async fn check(
    snapshot: &mut Snapshot<'_>,
    report: &mut Report,
    run: RunId,
    state: &Run,
) -> Result<(), StoreError> {
    let mut wanted: BTreeMap<String, Option<Timestamp>> =
        state.stages.iter().filter_map(|stage| row(run, stage)).collect();
    let deadline = Task::Deadline { run }.to_string();
    for row in snapshot.work_of(run).await? {
        let key = row.key.as_str();
        match wanted.remove(key) {
            Some(Some(due)) if due != row.due => {
                report.add(
                    Invariant::WorkFitsState,
                    key,
                    format!("it is due at {}, the stage waits until {due}", row.due),
                );
            }
            Some(_) => {}
            None if key == deadline => {}
            None => report.add(Invariant::WorkFitsState, key, "no stage of the run waits for it"),
        }
    }
    for key in wanted.into_keys() {
        report.add(Invariant::WorkFitsState, key, "the stage waits for it, and there is no such work");
    }
    Ok(())
}

/// The row that a stage waits for, and when it is due where that is certain.
fn row(run: RunId, stage: &Stage) -> Option<(String, Option<Timestamp>)> {
    let (attempt, due) = match &stage.state {
        StageState::Running => (stage.attempt, None),
        StageState::Ready => (stage.attempt + 1, None),
        StageState::Waiting { wait } => (stage.attempt + 1, Some(wait.until().unwrap_or(Timestamp::NEVER))),
        StageState::NeedsAttention { .. } => (stage.attempt + 1, Some(Timestamp::NEVER)),
        _ => return None,
    };
    Some((Task::Stage { run, stage: stage.id.to_string(), attempt }.to_string(), due))
}
