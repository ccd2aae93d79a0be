//! Ends that come from outside: somebody cancels, the time is up, the definitions are gone.

use std::sync::Arc;

use super::decide::{Draft, fail};
use super::event::Event;
use super::settle::settle;
use super::state::{Run, StageError, StageState};
use crate::plan::Role;

/// Cancels what has not ended; what stands under `finally` still runs, unless only that is left.
pub(super) fn cancel(draft: &mut Draft<'_>) {
    let already = draft.run.stages.iter().any(|stage| stage.state == StageState::Cancelled);
    let finally = |draft: &Draft<'_>, position: usize| draft.plan.stage(position).role == Role::Finally;
    for (position, id) in open_stages(&draft.run) {
        if already || !finally(draft, position) {
            let undoes = matches!(draft.plan.stage(position).role, Role::Compensates(_));
            match &draft.run.stages[position].state {
                // What would only have run after a failure is not worth a word of its own.
                StageState::Pending if undoes => {
                    let reason = "the run was cancelled".to_owned();
                    draft.push(Event::StageSkipped { stage: id, reason });
                }
                _ => draft.push(Event::StageCancelled { stage: id }),
            }
        }
    }
    if !draft.run.stages.iter().any(|stage| stage.state == StageState::Cancelled) {
        for (_, id) in open_stages(&draft.run) {
            draft.push(Event::StageCancelled { stage: id });
        }
    }
    settle(draft);
}

/// Fails what is under way and skips what has not begun. What undoes stages and what stands under `finally` still
/// runs, unless only that is left.
pub(super) fn expire(draft: &mut Draft<'_>) {
    let is_ordinary = |draft: &Draft<'_>, position: usize| draft.plan.stage(position).role == Role::Stage;
    let ordinary_left = open_stages(&draft.run).iter().any(|(position, _)| is_ordinary(draft, *position));
    for (position, id) in open_stages(&draft.run) {
        if ordinary_left && !is_ordinary(draft, position) {
            continue;
        }
        let Some(stage) = draft.run.stage(&id) else { continue };
        match stage.state {
            StageState::Pending => {
                draft.push(Event::StageSkipped { stage: id, reason: "the run has used up its time".to_owned() });
            }
            _ => {
                let attempt = stage.attempt;
                fail_hard(draft, id, attempt, StageError::new("timeout_run", "the run has used up its time"));
            }
        }
    }
    settle(draft);
}

/// Fails a stage whether that is allowed or not: the run as a whole is late. What undoes stages is never to blame.
fn fail_hard(draft: &mut Draft<'_>, id: Arc<str>, attempt: u32, error: StageError) {
    let undoes = draft.plan.position(&id).is_some_and(|at| matches!(draft.plan.stage(at).role, Role::Compensates(_)));
    if undoes {
        return fail(draft, id, attempt, error);
    }
    draft.push(Event::StageFailed { stage: id, attempt, error, allowed: false, kept_from: None });
}

fn open_stages(run: &Run) -> Vec<(usize, Arc<str>)> {
    let open = run.stages.iter().enumerate().filter(|(_, stage)| !stage.state.is_terminal());
    open.map(|(position, stage)| (position, Arc::clone(&stage.id))).collect()
}

impl Run {
    /// Returns the events that end a run whose plan cannot be had any more: without it nothing
    /// can be decided, and a run must not stay open for that. Nothing for one that has ended.
    #[must_use]
    pub fn abandon(&self, error: StageError) -> Vec<Event> {
        if self.queued.is_none() || self.status.is_terminal() {
            return Vec::new();
        }
        let end = |(position, stage): (usize, Arc<str>)| match &self.stages[position].state {
            StageState::Pending => Event::StageSkipped { stage, reason: "the run was abandoned".to_owned() },
            _ => {
                let attempt = self.stages[position].attempt;
                Event::StageFailed { stage, attempt, error: error.clone(), allowed: false, kept_from: None }
            }
        };
        let mut events: Vec<Event> = open_stages(self).into_iter().map(end).collect();
        events.push(Event::RunFailed { error: Some(error), compensated: false });
        events
    }
}
