//! What follows from the ends of stages: which others become ready, are skipped, or
//! fail before they begin; and when the run as a whole has ended.

use std::sync::Arc;

use serde_json::Map;

use super::approve;
use super::decide::{Draft, fail};
use super::event::Event;
use super::state::{Run, RunStatus, StageError, StageState};
use crate::definition::RunOn;
use crate::plan::{Plan, Role, Task};

/// What becomes of a pending stage.
enum Fate {
    Waits,
    Skips(&'static str),
    Runs,
}

/// Goes on until nothing follows any more.
pub(super) fn settle(draft: &mut Draft<'_>) {
    loop {
        let before = draft.events.len();
        for position in 0..draft.run.stages.len() {
            if draft.run.stages[position].state == StageState::Pending {
                release(draft, position);
            }
        }
        if draft.events.len() == before {
            break;
        }
    }
    if draft.run.stages.iter().all(|stage| stage.state.is_terminal()) {
        end(draft);
    } else if rests(&draft.run) {
        let in_doubt = |state: &StageState| matches!(state, StageState::NeedsAttention { .. });
        let event = match draft.run.stages.iter().any(|stage| in_doubt(&stage.state)) {
            true if draft.run.status != RunStatus::NeedsAttention => Event::RunNeedsAttention {},
            false if draft.run.status != RunStatus::Waiting => Event::RunWaiting {},
            _ => return,
        };
        draft.push(event);
    }
}

/// Tells whether nothing of the run is ready or under way. One that undoes what it did says so and nothing else.
fn rests(run: &Run) -> bool {
    let active = |state: &StageState| matches!(state, StageState::Ready | StageState::Running);
    run.status != RunStatus::Compensating && !run.stages.iter().any(|stage| active(&stage.state))
}

pub(super) fn release(draft: &mut Draft<'_>, position: usize) {
    let stage = Arc::clone(&draft.run.stages[position].id);
    match fate(draft, position) {
        Fate::Waits => return,
        Fate::Skips(reason) => return draft.push(Event::StageSkipped { stage, reason: reason.to_owned() }),
        Fate::Runs => {}
    }
    if let Some(when) = &draft.plan.stage(position).when {
        match when.holds(&draft.run.scope(draft.plan, Some(&stage), 1)) {
            Ok(true) => {}
            Ok(false) => {
                let reason = format!("`when` is false: {}", when.source());
                return draft.push(Event::StageSkipped { stage, reason });
            }
            Err(error) => return fail(draft, stage, 0, StageError::new("expression", error.to_string())),
        }
    }
    if has_no_room(draft.plan, &draft.run, position) {
        return;
    }
    match &draft.plan.stage(position).task {
        Task::Call(_) => draft.push(Event::StageReady { stage }),
        Task::Approval(approval) => approve::request(draft, stage, approval),
        Task::Nothing(reason) => draft.push(Event::StageSkipped { stage, reason: reason.clone() }),
    }
}

fn fate(draft: &mut Draft<'_>, position: usize) -> Fate {
    if let Some(gate) = draft.plan.gate().filter(|gate| *gate != position) {
        match &draft.run.stages[gate].state {
            StageState::Succeeded { .. } => {}
            state if state.is_terminal() => return Fate::Skips("nobody has agreed to run a stranger's commit"),
            _ => return Fate::Waits,
        }
    }
    match draft.plan.stage(position).role {
        Role::Stage => fate_of_ordinary(draft.plan, &draft.run, position),
        Role::Compensates(undone) => fate_of_compensation(draft, undone),
        Role::Finally => {
            let before = |position: &usize| draft.plan.stage(*position).role != Role::Finally;
            let ended = (0..draft.plan.len()).filter(before).all(|position| has_ended(&draft.run, position));
            if ended { Fate::Runs } else { Fate::Waits }
        }
    }
}

fn fate_of_ordinary(plan: &Plan, run: &Run, position: usize) -> Fate {
    if let Some((matrix, _)) = &plan.stage(position).matrix {
        let matrix = &plan.matrices[*matrix];
        let failed = |member: &usize| matches!(run.stages[*member].state, StageState::Failed { .. });
        if matrix.fail_fast && matrix.members.iter().any(failed) {
            return Fate::Skips("another combination of the matrix failed");
        }
    }
    if !plan.needs(position).all(|need| has_ended(run, need)) {
        return Fate::Waits;
    }
    match plan.stage(position).run_on {
        RunOn::Always => Fate::Runs,
        RunOn::Success if plan.needs(position).all(|need| run.stages[need].state.lets_on()) => Fate::Runs,
        RunOn::Success => Fate::Skips("a stage that it needs did not succeed"),
        RunOn::Failure if some_ancestor_failed(plan, run, position) => Fate::Runs,
        RunOn::Failure => Fate::Skips("no stage before it failed"),
    }
}

/// What undoes stages runs when all of them have ended and one has failed, one after the other, the last that
/// succeeded first.
fn fate_of_compensation(draft: &mut Draft<'_>, undone: usize) -> Fate {
    let roles = || (0..draft.plan.len()).map(|position| (position, draft.plan.stage(position).role));
    if !roles().filter(|(_, role)| *role == Role::Stage).all(|(position, _)| has_ended(&draft.run, position)) {
        return Fate::Waits;
    }
    let failed = |run: &Run| {
        let failed = |position: usize| matches!(run.stages[position].state, StageState::Failed { .. });
        let cancelled = run.stages.iter().any(|stage| stage.state == StageState::Cancelled);
        !cancelled && roles().any(|(position, role)| role == Role::Stage && failed(position))
    };
    if !failed(&draft.run) {
        return Fate::Skips("there is nothing to undo");
    }
    let order = |run: &Run, position: usize| match run.stages[position].state {
        StageState::Succeeded { .. } => run.stages[position].order,
        _ => 0,
    };
    let own = order(&draft.run, undone);
    if own == 0 {
        return Fate::Skips("the stage did not succeed, so there is nothing to undo");
    }
    // One at a time: none is under way, and of those that still wait this one goes first.
    let others = roles().filter_map(|(position, role)| match role {
        Role::Compensates(other) if other != undone => Some((position, other)),
        _ => None,
    });
    for (position, other) in others {
        let goes_first = match draft.run.stages[position].state {
            StageState::Pending => order(&draft.run, other) > own,
            ref state => !state.is_terminal(),
        };
        if goes_first {
            return Fate::Waits;
        }
    }
    if draft.run.status != RunStatus::Compensating {
        draft.push(Event::RunCompensating {});
    }
    Fate::Runs
}

/// Tells whether as many combinations of the stage's matrix are under way as may be.
fn has_no_room(plan: &Plan, run: &Run, position: usize) -> bool {
    let matrix = plan.stage(position).matrix.as_ref().map(|(matrix, _)| &plan.matrices[*matrix]);
    let Some(limit) = matrix.and_then(|matrix| matrix.max_parallel) else { return false };
    let open = |member: &&usize| {
        let state = &run.stages[**member].state;
        !state.is_terminal() && *state != StageState::Pending
    };
    matrix
        .is_some_and(|matrix| matrix.members.contains(&position) && matrix.members.iter().filter(open).count() >= limit)
}

fn has_ended(run: &Run, position: usize) -> bool {
    run.stages[position].state.is_terminal()
}

fn some_ancestor_failed(plan: &Plan, run: &Run, position: usize) -> bool {
    let mut seen = vec![false; plan.len()];
    let mut open: Vec<usize> = plan.needs(position).collect();
    while let Some(at) = open.pop() {
        if matches!(run.stages[at].state, StageState::Failed { .. }) {
            return true;
        }
        if !std::mem::replace(&mut seen[at], true) {
            open.extend(plan.needs(at));
        }
    }
    false
}

fn end(draft: &mut Draft<'_>) {
    let any = |matches: fn(&StageState) -> bool| draft.run.stages.iter().any(|stage| matches(&stage.state));
    if any(|state| matches!(state, StageState::Cancelled)) {
        return draft.push(Event::RunCancelled {});
    }
    if any(|state| matches!(state, StageState::Failed { .. })) {
        let compensated = draft.run.status == RunStatus::Compensating && all_undone(draft);
        return draft.push(Event::RunFailed { error: None, compensated });
    }
    let mut outputs = Map::new();
    if !draft.plan.outputs.is_empty() {
        let scope = draft.run.scope(draft.plan, None, 1);
        for (name, template) in &draft.plan.outputs {
            match template.evaluate(&scope) {
                Ok(value) => drop(outputs.insert(name.clone(), value)),
                Err(error) => {
                    let error = StageError::new("expression", format!("output \"{name}\": {error}"));
                    return draft.push(Event::RunFailed { error: Some(error), compensated: false });
                }
            }
        }
    }
    draft.push(Event::RunSucceeded { outputs: Arc::new(outputs) });
}

/// Tells whether nothing that undoes a stage has failed.
fn all_undone(draft: &Draft<'_>) -> bool {
    let undoes = |position: &usize| matches!(draft.plan.stage(*position).role, Role::Compensates(_));
    let failed = |position: usize| matches!(draft.run.stages[position].state, StageState::AllowedFailure { .. });
    !(0..draft.plan.len()).filter(undoes).any(failed)
}
