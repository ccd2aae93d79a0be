//! Runs: every event is allowed by the state before, the state is the fold, the columns are what it says.

use std::collections::{BTreeMap, BTreeSet};

use kiket_core::run::{Event, Illegal, Run};
use kiket_core::{RunId, Timestamp};
use kiket_store::{RunRow, Snapshot, StoreError, Stream};

use super::{Invariant, PAGE, Report, effects, history, work};

pub(super) async fn check(snapshot: &mut Snapshot<'_>, report: &mut Report) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let rows = snapshot.runs(after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.id);
        for row in &rows {
            if report.is_full() {
                return Ok(());
            }
            one(snapshot, report, row).await?;
        }
    }
}

async fn one(snapshot: &mut Snapshot<'_>, report: &mut Report, row: &RunRow) -> Result<(), StoreError> {
    let mut story = Story { id: row.id, fold: Run::default(), began: BTreeMap::new(), ended: BTreeSet::new() };
    let tell = |report: &mut Report, event: &Event, at| story.tell(report, event, at);
    let whole = history::walk(snapshot, report, Stream::Run(row.id), Event::kind, tell).await?;
    let state = match serde_json::from_str::<Run>(&row.state) {
        Ok(state) => state,
        Err(error) => {
            report.add(Invariant::StateIsFold, row.id, format!("the state cannot be read: {error}"));
            return Ok(());
        }
    };
    if whole && state != story.fold {
        report.add(Invariant::StateIsFold, row.id, differences(&story.fold, &state));
    }
    columns(report, row, &state);
    if !row.terminal {
        work::check(snapshot, report, row.id, &state).await?;
        effects::check(snapshot, report, &state, &story).await?;
    }
    Ok(())
}

/// A run as it is told.
pub(super) struct Story {
    pub(super) id: RunId,
    fold: Run,
    /// When each attempt of each stage began.
    pub(super) began: BTreeMap<(String, u32), Timestamp>,
    /// The attempts that have an outcome.
    ended: BTreeSet<(String, u32)>,
}

impl Story {
    fn tell(&mut self, report: &mut Report, event: &Event, at: Timestamp) {
        let twice = match event {
            Event::StageStarted { stage, attempt } => self.began.insert((stage.to_string(), *attempt), at).is_some(),
            Event::StageRetrying { stage, attempt, .. }
            | Event::StageSucceeded { stage, attempt, .. }
            | Event::StageFailed { stage, attempt, .. } => !self.ended.insert((stage.to_string(), *attempt)),
            _ => false,
        };
        let found = match (self.fold.allows(event, at), twice) {
            (_, true) => Some((Invariant::OneOutcome, format!("a second {} of the same attempt", event.kind()))),
            (Err(early @ Illegal::Early { .. }), _) => Some((Invariant::TimerNeverEarly, early.to_string())),
            (Err(wrong @ Illegal::Wrong(_)), _) => Some((Invariant::EventLegal, wrong.to_string())),
            (Ok(()), false) => None,
        };
        if let Some((invariant, found)) = found {
            report.add(invariant, self.id, found);
        }
        self.fold.apply(event, at);
    }
}

/// Says where a state is another than the fold of the events.
fn differences(fold: &Run, state: &Run) -> String {
    if fold.status != state.status {
        return format!("the events lead to {}, the state is {}", fold.status, state.status);
    }
    let other = |(one, other): &(_, _)| one != other;
    match fold.stages.iter().zip(&state.stages).find(other) {
        Some((one, other)) => {
            let (id, one, other) = (&one.id, one.state.word(), other.state.word());
            format!("the events lead to stage \"{id}\" {one}, in the state it is {other}, or differs in detail")
        }
        None => "the state differs from what the events lead to, and not in its stages".to_owned(),
    }
}

fn columns(report: &mut Report, row: &RunRow, state: &Run) {
    let Some(queued) = &state.queued else { return };
    let same = [
        ("id", row.id == queued.id),
        ("status", row.status == state.status.word()),
        ("terminal", row.terminal == state.status.is_terminal()),
        ("pipeline", row.pipeline == queued.pipeline),
        ("revision", row.revision == queued.revision),
        ("commit", row.commit == queued.commit),
        ("reference", row.reference == queued.reference),
        (
            "trigger",
            serde_json::from_str(&row.trigger).is_ok_and(|trigger: kiket_core::run::Trigger| trigger == queued.trigger),
        ),
        ("created_at", Some(row.created_at) == state.created_at),
        ("started_at", row.started_at == state.started_at),
        ("finished_at", row.finished_at == state.finished_at),
    ];
    for (column, _) in same.into_iter().filter(|(_, same)| !same) {
        report.add(Invariant::RowIsState, row.id, format!("column {column} is not what the state says"));
    }
}
