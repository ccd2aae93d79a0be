//! Dead letters of runs and items: what belongs into the unit that gives something up, and into the one in which it comes
//! about after all. Deliveries and looks at branches have theirs in the store, where they are settled.
//!
//! What is tried for ever, because giving it up would lose it, becomes a letter when it has failed [`TRIES`] times.

use kiket_core::run::{Run, Stage, StageState};
use kiket_core::{ItemId, ProjectId, RunId};
use kiket_store::{Change, CommitError, GiveUp, LetterKind, Recover};

use crate::clock;
use crate::ledger::Ledger;

/// How often work is taken up in vain before people are told.
pub(crate) const TRIES: i64 = 5;

/// The stages that begin to need a person with a change to their run, and those that no longer do.
pub(crate) fn of_stages((run, project): (RunId, ProjectId), before: &Run, after: &Run) -> Vec<Change> {
    let needs = |stage: &Stage| matches!(stage.state, StageState::NeedsAttention { .. });
    let is_so = |state: &Run, id: &str| state.stage(id).is_some_and(needs);
    let about = |stage: &Stage| format!("{run}/{}", stage.id);
    let at = clock::now();
    let begun = after.stages.iter().filter(|stage| needs(stage) && !is_so(before, &stage.id)).filter_map(|stage| {
        let StageState::NeedsAttention { doubt } = &stage.state else { return None };
        let reason = format!("nobody knows what became of {}: {}", doubt.intent.summary, doubt.reason);
        let (kind, about, tries) = (LetterKind::Stage, about(stage), i64::from(stage.attempt));
        Some(Change::GiveUp(GiveUp { kind, about, project, run: Some(run), reason, tries, at }))
    });
    let over = before.stages.iter().filter(|stage| needs(stage) && !is_so(after, &stage.id)).map(|stage| {
        let (kind, about) = (LetterKind::Stage, about(stage));
        Change::Recover(Recover { kind, about, at })
    });
    begun.chain(over).collect()
}

/// A run that ended because its definitions cannot be had.
pub(crate) fn abandoned(run: RunId, project: ProjectId, reason: &str, tries: i64) -> Change {
    let (kind, about, reason) = (LetterKind::Run, run.to_string(), reason.to_owned());
    Change::GiveUp(GiveUp { kind, about, project, run: Some(run), reason, tries, at: clock::now() })
}

/// An item that does not go on after its actions.
pub(crate) fn item(item: ItemId, project: ProjectId, run: RunId, reason: &str, tries: i64) -> Change {
    let (kind, about, reason) = (LetterKind::Item, item.to_string(), reason.to_owned());
    Change::GiveUp(GiveUp { kind, about, project, run: Some(run), reason, tries, at: clock::now() })
}

/// A forge that was not told of a run.
pub(crate) fn status(run: RunId, project: ProjectId, reason: &str, tries: i64) -> Change {
    let (kind, about, reason) = (LetterKind::Status, run.to_string(), reason.to_owned());
    Change::GiveUp(GiveUp { kind, about, project, run: Some(run), reason, tries, at: clock::now() })
}

/// A forge that was told of a run.
pub(crate) fn told(run: RunId) -> Change {
    Change::Recover(Recover { kind: LetterKind::Status, about: run.to_string(), at: clock::now() })
}

/// Notes how taking up work on a run has ended, where it has failed often: its row stays, and is taken up again.
pub(crate) async fn note_run(store: &impl Ledger, run: RunId, tries: i64, failure: Option<&str>) {
    let given_up = |project, reason: &str| abandoned(run, project, reason, tries);
    note(store, (LetterKind::Run, run.to_string()), run, tries, failure, given_up).await;
}

/// The same for work on an item.
pub(crate) async fn note_item(store: &impl Ledger, id: ItemId, run: RunId, tries: i64, failure: Option<&str>) {
    let given_up = |project, reason: &str| item(id, project, run, reason, tries);
    note(store, (LetterKind::Item, id.to_string()), run, tries, failure, given_up).await;
}

async fn note(
    store: &impl Ledger,
    (kind, about): (LetterKind, String),
    run: RunId,
    tries: i64,
    failure: Option<&str>,
    given_up: impl FnOnce(ProjectId, &str) -> Change,
) {
    if tries < TRIES {
        return;
    }
    let written = async {
        let Some(row) = store.run(run).await? else { return Ok(()) };
        let change = match failure {
            Some(reason) => given_up(row.project, reason),
            None => Change::Recover(Recover { kind, about, at: clock::now() }),
        };
        store.commit(vec![change]).await.map(drop)
    };
    let written: Result<(), CommitError> = written.await;
    if let Err(error) = written {
        tracing::error!(run.id = %run, %error, "a dead letter cannot be written");
    }
}
