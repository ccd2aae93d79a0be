//! What a command leads to. Pure: the same run, plan, command and moment give the same events.

use std::sync::Arc;
use std::time::Duration;

use super::apply::INTERRUPTED;
use super::command::{Command, Moment, Outcome, Rejected};
use super::doubt::Found;
use super::event::{Event, Queued};
use super::settle::settle;
use super::state::{Run, StageError, StageState, Usage, Wait};
use super::{approve, cancel, doubt, keep};
use crate::manifest::Effect;
use crate::plan::{Plan, Role};
use crate::time::Timestamp;

/// Most attempts of one stage that may be cut off by a crash: one that takes the server
/// down with it must not do so for ever.
pub(super) const MAX_INTERRUPTIONS: u32 = 25;

/// A run under decision: the events so far, and the state they lead to.
pub(super) struct Draft<'p> {
    pub(super) plan: &'p Plan,
    pub(super) run: Run,
    pub(super) events: Vec<Event>,
    pub(super) now: Timestamp,
}

impl Draft<'_> {
    pub(super) fn push(&mut self, event: Event) {
        self.run.apply(&event, self.now);
        self.events.push(event);
    }
}

impl Run {
    /// Returns the events that a command leads to, or why it is refused.
    pub fn decide(&self, plan: &Plan, command: Command, moment: &Moment) -> Result<Vec<Event>, Rejected> {
        let mut draft = Draft { plan, run: self.clone(), events: Vec::new(), now: moment.now };
        match (&self.queued, command) {
            (None, Command::Queue(queued)) => queue(&mut draft, queued),
            (None, Command::Resume { queued, before, from }) => {
                keep::resume(&mut draft, queued, &before, from.as_ref())?
            }
            (Some(_), Command::Queue(_) | Command::Resume { .. }) => return Err(Rejected::Exists),
            (None, _) => return Err(Rejected::Ended),
            (Some(_), _) if self.status.is_terminal() => return Err(Rejected::Ended),
            (Some(_), Command::Begin { stage, found }) => begin(&mut draft, stage, found)?,
            (Some(_), Command::Finish { stage, attempt, outcome }) => finish(&mut draft, stage, attempt, outcome)?,
            (Some(_), Command::Approve { stage, actor, comment }) => {
                approve::grant(&mut draft, stage, &actor, comment)?
            }
            (Some(_), Command::Reject { stage, actor, comment }) => {
                approve::reject(&mut draft, stage, &actor, comment)?
            }
            (Some(_), Command::Resolve { stage, actor, resolution, comment }) => {
                doubt::resolve(&mut draft, stage, &actor, resolution, comment)?
            }
            (Some(_), Command::Cancel) => cancel::cancel(&mut draft),
            (Some(_), Command::Expire) => cancel::expire(&mut draft),
        }
        Ok(draft.events)
    }
}

fn queue(draft: &mut Draft<'_>, queued: Arc<Queued>) {
    draft.push(Event::RunQueued(queued));
    settle(draft);
}

fn begin(draft: &mut Draft<'_>, id: Arc<str>, found: Found) -> Result<(), Rejected> {
    let stage = draft.run.stage(&id).ok_or_else(|| Rejected::UnknownStage(Arc::clone(&id)))?;
    let (attempt, interruptions) = (stage.attempt, stage.interruptions);
    match &stage.state {
        StageState::Ready | StageState::Waiting { wait: Wait::Retry { .. } } => {}
        StageState::Waiting { wait: Wait::Approval { .. } } => return approve::expire(draft, id),
        StageState::Running => {
            match found {
                Found::Nothing => {}
                Found::Doubt(unknown) => return doubt::doubt(draft, id, attempt, unknown),
                Found::Done(outputs) => {
                    let outcome = Outcome::Succeeded { outputs, usage: Usage::default() };
                    return finish(draft, id, attempt, outcome);
                }
            }
            let error = StageError::new(INTERRUPTED, "the server stopped while the attempt was under way");
            if interruptions + 1 >= MAX_INTERRUPTIONS {
                fail(draft, id, attempt, error);
                settle(draft);
                return Ok(());
            }
            draft.push(Event::StageRetrying { stage: Arc::clone(&id), attempt, error, until: None });
        }
        state => return Err(Rejected::WrongState { stage: id, status: state.word() }),
    }
    if draft.run.started_at.is_none() {
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
            let (stage, outputs) = (Arc::clone(&id), Arc::new(outputs));
            draft.push(Event::StageSucceeded { stage, attempt, outputs, usage, kept_from: None });
            note_undone(draft, &id);
        }
        Outcome::InDoubt(unknown) => return doubt::doubt(draft, id, attempt, unknown),
        Outcome::Failed(error) => match next_attempt(draft, &id, &error) {
            Some(until) => draft.push(Event::StageRetrying { stage: id, attempt, error, until: Some(until) }),
            None => fail(draft, id, attempt, error),
        },
    }
    settle(draft);
    Ok(())
}

/// Says of a stage that it is undone, where the one that succeeded was there to undo it.
pub(super) fn note_undone(draft: &mut Draft<'_>, id: &str) {
    let role = draft.plan.position(id).map(|position| draft.plan.stage(position).role);
    if let Some(Role::Compensates(undone)) = role {
        let stage = Arc::clone(&draft.run.stages[undone].id);
        draft.push(Event::StageCompensated { stage });
    }
}

/// Returns when the stage is tried again after this failure; `None` where it is not.
fn next_attempt(draft: &Draft<'_>, id: &str, error: &StageError) -> Option<Timestamp> {
    let call = draft.plan.stage(draft.plan.position(id)?).call()?;
    // What may happen once at most has happened: another attempt would do it again.
    if call.effect == Effect::Once && error.effects > 0 {
        return None;
    }
    let retry = &call.retry;
    let failures = draft.run.stage(id)?.failures + 1;
    if !retry.allows(failures, &error.code) {
        return None;
    }
    let wait = retry.backoff.wait(failures, share(&draft.run, id, failures));
    let asked = error.retry_after_ms.map(Duration::from_millis).unwrap_or_default();
    Some(draft.now.after(wait.max(asked.min(retry.backoff.max))))
}

/// A number from 0 to 1 that is the same whenever this attempt of this run is decided: FNV-1a over their names.
fn share(run: &Run, stage: &str, failures: u32) -> f64 {
    let run = run.queued.as_ref().map(|queued| queued.id.to_string()).unwrap_or_default();
    let names = run.bytes().chain(stage.bytes()).chain(failures.to_le_bytes());
    let hash =
        names.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    f64::from(u32::try_from(hash >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

pub(super) fn fail(draft: &mut Draft<'_>, id: Arc<str>, attempt: u32, error: StageError) {
    let allowed = draft.plan.position(&id).is_some_and(|position| draft.plan.stage(position).allow_failure);
    draft.push(Event::StageFailed { stage: id, attempt, error, allowed, kept_from: None });
}
