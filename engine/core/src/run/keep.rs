//! A run that goes on from an ended one: what that one finished is kept, the rest is done.
//!
//! A stage is kept where it had succeeded (or failed as it may), nothing has begun to undo it, and everything it needs
//! has ended in this run as well: kept likewise, or skipped once more. So no stage is kept whose needs are done again.
//! What undoes stages and what stands under `finally` is never kept, and neither is the gate before a stranger's commit:
//! people are asked for every run, and what was skipped waits until they have agreed. Kept stages come in the order in which they
//! succeeded, so that what undoes them goes the other way as ever.

use std::sync::Arc;

use super::command::Rejected;
use super::decide::Draft;
use super::event::{Event, Queued};
use super::settle::{release, settle};
use super::state::{Run, RunStatus, StageState};
use crate::id::RunId;
use crate::plan::{Plan, Role};
use crate::planted::{Bug, planted};

pub(super) fn resume(
    draft: &mut Draft<'_>,
    queued: Arc<Queued>,
    before: &Run,
    from: Option<&Arc<str>>,
) -> Result<(), Rejected> {
    let Some(old) = before.queued.as_ref().filter(|_| before.status.is_terminal()) else {
        return Err(Rejected::NotEnded);
    };
    if old.stages != queued.stages || before.stages.len() != draft.plan.len() {
        return Err(Rejected::OtherStages);
    }
    let again = match from {
        Some(from) => named(draft.plan, from).ok_or_else(|| Rejected::UnknownStage(Arc::clone(from)))?,
        None if before.status == RunStatus::Succeeded => return Err(Rejected::NothingLeft),
        None => Vec::new(),
    };
    let id = old.id;
    draft.push(Event::RunQueued(queued));
    let ordinary = |position: &usize| {
        let is_gate = draft.plan.gate() == Some(*position);
        draft.plan.stage(*position).role == Role::Stage && !is_gate && !again.contains(position)
    };
    let ordinary: Vec<usize> = (0..draft.plan.len()).filter(ordinary).collect();
    let mut kept: Vec<usize> = ordinary.iter().copied().filter(|at| may_stay(draft.plan, before, *at)).collect();
    kept.sort_by_key(|position| before.stages[*position].order);
    loop {
        skip_again(draft, before, &ordinary);
        let next = kept.iter().position(|at| is_open_to_end(draft, *at));
        let Some(next) = next.map(|index| kept.remove(index)) else { break };
        keep(before, next, id).into_iter().for_each(|event| draft.push(event));
    }
    settle(draft);
    Ok(())
}

/// Returns the stage of that name, or all combinations of the matrix of that name.
fn named(plan: &Plan, name: &str) -> Option<Vec<usize>> {
    let matrix = plan.matrices.iter().find(|matrix| matrix.id == name).map(|matrix| matrix.members.clone());
    let stage = || plan.position(name).filter(|position| plan.stage(*position).role == Role::Stage);
    matrix.or_else(|| Some(vec![stage()?]))
}

/// Tells whether a stage has an outcome that holds, as far as it alone is concerned.
fn may_stay(plan: &Plan, before: &Run, position: usize) -> bool {
    let begun =
        |other: &usize| plan.stage(*other).role == Role::Compensates(position) && before.stages[*other].attempt > 0;
    let done =
        matches!(before.stages[position].state, StageState::Succeeded { .. } | StageState::AllowedFailure { .. });
    done && !planted(Bug::FinishedStageRerun) && !(0..plan.len()).any(|other| begun(&other))
}

/// Decides anew on stages that were skipped: one that is skipped again stands in nobody's way.
fn skip_again(draft: &mut Draft<'_>, before: &Run, ordinary: &[usize]) {
    loop {
        let skipped = |at: &usize| matches!(before.stages[*at].state, StageState::Skipped { .. });
        let open =
            ordinary.iter().copied().find(|at| skipped(at) && is_open_to_end(draft, *at) && releases(draft, *at));
        if open.is_none() {
            return;
        }
    }
}

/// Lets a stage go on where it can; tells whether it did.
fn releases(draft: &mut Draft<'_>, position: usize) -> bool {
    let before = draft.events.len();
    release(draft, position);
    draft.events.len() > before
}

fn is_open_to_end(draft: &Draft<'_>, position: usize) -> bool {
    let ended = |need: usize| draft.run.stages[need].state.is_terminal();
    draft.run.stages[position].state == StageState::Pending && draft.plan.needs(position).all(ended)
}

fn keep(before: &Run, position: usize, run: RunId) -> Option<Event> {
    let old = &before.stages[position];
    let (stage, attempt, kept_from) = (Arc::clone(&old.id), old.attempt, Some(old.kept_from.unwrap_or(run)));
    match &old.state {
        StageState::AllowedFailure { error } => {
            Some(Event::StageFailed { stage, attempt, error: error.clone(), allowed: true, kept_from })
        }
        StageState::Succeeded { outputs, usage } => {
            Some(Event::StageSucceeded { stage, attempt, outputs: Arc::clone(outputs), usage: *usage, kept_from })
        }
        _ => None,
    }
}
