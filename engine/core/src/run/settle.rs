//! What follows from the ends of stages: which others become ready, are skipped, or
//! fail before they begin; and when the run as a whole has ended.

use std::sync::Arc;

use serde_json::Map;

use super::decide::{Draft, fail};
use super::event::Event;
use super::state::{Run, StageError, StageState};
use crate::definition::RunOn;
use crate::plan::Plan;

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
    }
}

fn release(draft: &mut Draft<'_>, position: usize) {
    let stage = Arc::clone(&draft.run.stages[position].id);
    match fate(draft.plan, &draft.run, position) {
        Fate::Waits => return,
        Fate::Skips(reason) => return draft.push(Event::StageSkipped { stage, reason: reason.to_owned() }),
        Fate::Runs => {}
    }
    let Some(when) = &draft.plan.stage(position).when else {
        return draft.push(Event::StageReady { stage });
    };
    match when.holds(&draft.run.scope(1)) {
        Ok(true) => draft.push(Event::StageReady { stage }),
        Ok(false) => draft.push(Event::StageSkipped { stage, reason: format!("`when` is false: {}", when.source()) }),
        Err(error) => fail(draft, stage, 0, StageError::new("expression", error.to_string())),
    }
}

fn fate(plan: &Plan, run: &Run, position: usize) -> Fate {
    let ended = |position: usize| run.stages[position].state.is_terminal();
    let stage = plan.stage(position);
    if stage.finally {
        let ordinary = (0..plan.len()).filter(|position| !plan.stage(*position).finally);
        return if ordinary.into_iter().all(ended) { Fate::Runs } else { Fate::Waits };
    }
    if !plan.needs(position).all(ended) {
        return Fate::Waits;
    }
    match stage.run_on {
        RunOn::Always => Fate::Runs,
        RunOn::Success if plan.needs(position).all(|need| run.stages[need].state.lets_on()) => Fate::Runs,
        RunOn::Success => Fate::Skips("a stage that it needs did not succeed"),
        RunOn::Failure if some_ancestor_failed(plan, run, position) => Fate::Runs,
        RunOn::Failure => Fate::Skips("no stage before it failed"),
    }
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
        return draft.push(Event::RunFailed { error: None });
    }
    let mut outputs = Map::new();
    if !draft.plan.outputs.is_empty() {
        let scope = draft.run.scope(1);
        for (name, template) in &draft.plan.outputs {
            match template.evaluate(&scope) {
                Ok(value) => drop(outputs.insert(name.clone(), value)),
                Err(error) => {
                    let error = StageError::new("expression", format!("output \"{name}\": {error}"));
                    return draft.push(Event::RunFailed { error: Some(error) });
                }
            }
        }
    }
    draft.push(Event::RunSucceeded { outputs: Arc::new(outputs) });
}
