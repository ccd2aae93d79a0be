//! What a command leads to. Pure: the same run, plan, command and moment give the same events.

use std::sync::Arc;

use super::command::{Command, Moment, Outcome, Rejected};
use super::event::{Event, Queued};
use super::settle::settle;
use super::state::{Run, RunStatus, StageError, StageState};
use crate::plan::Plan;

/// Most attempts of one stage that may be cut off by a crash: one that takes the server
/// down with it must not do so for ever.
pub(super) const MAX_INTERRUPTIONS: u32 = 25;

/// A run under decision: the events so far, and the state they lead to.
pub(super) struct Draft<'p> {
    pub(super) plan: &'p Plan,
    pub(super) run: Run,
    pub(super) events: Vec<Event>,
    moment: Moment,
}

impl Draft<'_> {
    pub(super) fn push(&mut self, event: Event) {
        self.run.apply(&event, self.moment.now);
        self.events.push(event);
    }
}

impl Run {
    /// Returns the events that a command leads to, or why it is refused.
    pub fn decide(&self, plan: &Plan, command: Command, moment: &Moment) -> Result<Vec<Event>, Rejected> {
        let mut draft = Draft { plan, run: self.clone(), events: Vec::new(), moment: *moment };
        match (&self.queued, command) {
            (None, Command::Queue(queued)) => queue(&mut draft, queued),
            (Some(_), Command::Queue(_)) => return Err(Rejected::Exists),
            (None, _) => return Err(Rejected::Ended),
            (Some(_), _) if self.status.is_terminal() => return Err(Rejected::Ended),
            (Some(_), Command::Begin { stage }) => begin(&mut draft, stage)?,
            (Some(_), Command::Finish { stage, attempt, outcome }) => finish(&mut draft, stage, attempt, outcome)?,
            (Some(_), Command::Cancel) => cancel(&mut draft),
            (Some(_), Command::Expire) => expire(&mut draft),
        }
        Ok(draft.events)
    }
}

impl Run {
    /// Returns the events that end a run whose plan cannot be had any more: without it nothing
    /// can be decided, and a run must not stay open for that. Nothing for one that has ended.
    #[must_use]
    pub fn abandon(&self, error: StageError) -> Vec<Event> {
        if self.queued.is_none() || self.status.is_terminal() {
            return Vec::new();
        }
        let open = self.stages.iter().filter(|stage| !stage.state.is_terminal());
        let mut events: Vec<Event> = open
            .map(|stage| match stage.state {
                StageState::Pending => {
                    Event::StageSkipped { stage: Arc::clone(&stage.id), reason: "the run was abandoned".to_owned() }
                }
                _ => Event::StageFailed {
                    stage: Arc::clone(&stage.id),
                    attempt: stage.attempt,
                    error: error.clone(),
                    allowed: false,
                },
            })
            .collect();
        events.push(Event::RunFailed { error: Some(error) });
        events
    }
}

fn queue(draft: &mut Draft<'_>, queued: Arc<Queued>) {
    draft.push(Event::RunQueued(queued));
    settle(draft);
}

fn begin(draft: &mut Draft<'_>, id: Arc<str>) -> Result<(), Rejected> {
    let stage = draft.run.stage(&id).ok_or_else(|| Rejected::UnknownStage(Arc::clone(&id)))?;
    let attempt = stage.attempt;
    match stage.state {
        StageState::Ready => {}
        StageState::Running => {
            let error = StageError::new("interrupted", "the server stopped while the attempt was under way");
            if attempt >= MAX_INTERRUPTIONS {
                fail(draft, id, attempt, error);
                settle(draft);
                return Ok(());
            }
            draft.push(Event::StageRetrying { stage: Arc::clone(&id), attempt, error });
        }
        ref state => return Err(Rejected::WrongState { stage: id, status: state.word() }),
    }
    if draft.run.status == RunStatus::Queued {
        draft.push(Event::RunStarted {});
    }
    draft.push(Event::StageStarted { stage: id, attempt: attempt + 1 });
    Ok(())
}

fn finish(draft: &mut Draft<'_>, id: Arc<str>, attempt: u32, outcome: Outcome) -> Result<(), Rejected> {
    let stage = draft.run.stage(&id).ok_or_else(|| Rejected::UnknownStage(Arc::clone(&id)))?;
    if stage.state != StageState::Running || stage.attempt != attempt {
        return Err(Rejected::Stale { stage: id, attempt });
    }
    match outcome {
        Outcome::Succeeded { outputs, usage } => {
            draft.push(Event::StageSucceeded { stage: id, attempt, outputs: Arc::new(outputs), usage });
        }
        Outcome::Failed(error) => fail(draft, id, attempt, error),
    }
    settle(draft);
    Ok(())
}

fn cancel(draft: &mut Draft<'_>) {
    let already = draft.run.stages.iter().any(|stage| stage.state == StageState::Cancelled);
    for (position, id) in open_stages(&draft.run) {
        if already || !draft.plan.stage(position).finally {
            draft.push(Event::StageCancelled { stage: id });
        }
    }
    if !draft.run.stages.iter().any(|stage| stage.state == StageState::Cancelled) {
        // Only stages under `finally` are left: there is nothing else to cancel.
        for (_, id) in open_stages(&draft.run) {
            draft.push(Event::StageCancelled { stage: id });
        }
    }
    settle(draft);
}

fn expire(draft: &mut Draft<'_>) {
    let ordinary_left = open_stages(&draft.run).iter().any(|(position, _)| !draft.plan.stage(*position).finally);
    for (position, id) in open_stages(&draft.run) {
        if ordinary_left && draft.plan.stage(position).finally {
            continue;
        }
        let Some(stage) = draft.run.stage(&id) else { continue };
        match stage.state {
            StageState::Pending => {
                draft.push(Event::StageSkipped { stage: id, reason: "the run has used up its time".to_owned() });
            }
            _ => {
                let (attempt, error) = (stage.attempt, StageError::new("timeout_run", "the run has used up its time"));
                draft.push(Event::StageFailed { stage: id, attempt, error, allowed: false });
            }
        }
    }
    settle(draft);
}

pub(super) fn fail(draft: &mut Draft<'_>, id: Arc<str>, attempt: u32, error: StageError) {
    let allowed = draft.plan.position(&id).is_some_and(|position| draft.plan.stage(position).allow_failure);
    draft.push(Event::StageFailed { stage: id, attempt, error, allowed });
}

fn open_stages(run: &Run) -> Vec<(usize, Arc<str>)> {
    let open = run.stages.iter().enumerate().filter(|(_, stage)| !stage.state.is_terminal());
    open.map(|(position, stage)| (position, Arc::clone(&stage.id))).collect()
}
