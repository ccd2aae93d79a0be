//! The law: which events the state before allows. For checks of what is stored; `decide` knows more, and never asks.
//!
//! It says nothing of what the plan alone knows: whether a stage's needs have ended, how often it is tried.

use super::event::Event;
use super::state::{Run, RunStatus, Stage, StageState, Wait};
use crate::time::Timestamp;

/// Why an event cannot have happened to a run, or to an item, as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// The state before does not lead there.
    #[error("{0}")]
    Wrong(String),
    /// Its time had not come.
    #[error("{what} at {at}, before its time {due}")]
    Early {
        /// What happened.
        what: String,
        /// When it did.
        at: Timestamp,
        /// When it might have.
        due: Timestamp,
    },
}

impl Run {
    /// Tells whether an event may follow on this state.
    ///
    /// # Errors
    /// Why it may not.
    pub fn allows(&self, event: &Event, at: Timestamp) -> Result<(), Illegal> {
        if let Some(id) = event.stage() {
            let stage =
                self.stage(id).ok_or_else(|| Illegal::Wrong(format!("{} of unknown \"{id}\"", event.kind())))?;
            self.is_open(event)?;
            return of_stage(stage, event, at);
        }
        if matches!(event, Event::RunQueued(_)) {
            return demand(self.queued.is_none(), || "run.queued of a run that is there".to_owned());
        }
        self.is_open(event)?;
        let any = |is: fn(&StageState) -> bool| self.stages.iter().any(|stage| is(&stage.state));
        let ended = !any(|state| !state.is_terminal());
        let active = any(|state| matches!(state, StageState::Ready | StageState::Running));
        let fits = match event {
            Event::RunStarted {} => self.started_at.is_none(),
            Event::RunWaiting {} => !active && !ended && self.status != RunStatus::Waiting,
            Event::RunNeedsAttention {} => !active && any(|state| matches!(state, StageState::NeedsAttention { .. })),
            Event::RunCompensating {} => self.status != RunStatus::Compensating,
            Event::RunSucceeded { .. } => {
                ended && !any(|state| matches!(state, StageState::Failed { .. } | StageState::Cancelled))
            }
            Event::RunFailed { error, .. } => {
                ended && (error.is_some() || any(|state| matches!(state, StageState::Failed { .. })))
            }
            Event::RunCancelled {} => ended && any(|state| *state == StageState::Cancelled),
            _ => true,
        };
        demand(fits, || {
            let stages: Vec<String> =
                self.stages.iter().map(|stage| format!("{} {}", stage.id, stage.state.word())).collect();
            format!("{} of a run that is {} with {}", event.kind(), self.status, stages.join(", "))
        })
    }

    fn is_open(&self, event: &Event) -> Result<(), Illegal> {
        demand(self.queued.is_some(), || format!("{} of a run that is not queued", event.kind()))?;
        demand(!self.status.is_terminal(), || format!("{} of a run that has {}", event.kind(), self.status))
    }
}

fn of_stage(stage: &Stage, event: &Event, at: Timestamp) -> Result<(), Illegal> {
    let state = &stage.state;
    let current = |attempt: &u32| *attempt == stage.attempt;
    let running = |attempt: &u32| *state == StageState::Running && current(attempt);
    let asks = matches!(state, StageState::Waiting { wait: Wait::Approval { .. } });
    let in_doubt = matches!(state, StageState::NeedsAttention { .. });
    let fits = match event {
        Event::StageReady { .. } => *state == StageState::Pending || in_doubt,
        Event::StageStarted { attempt, .. } => {
            let may = matches!(state, StageState::Ready | StageState::Waiting { wait: Wait::Retry { .. } });
            may && *attempt == stage.attempt + 1
        }
        Event::StageRetrying { attempt, .. } | Event::StageNeedsAttention { attempt, .. } => running(attempt),
        Event::ApprovalRequested { .. } => *state == StageState::Pending,
        Event::ApprovalGranted { by, .. } => match state {
            StageState::Waiting { wait: Wait::Approval { granted, .. } } => !granted.contains(by),
            _ => false,
        },
        Event::ApprovalRejected { .. } | Event::ApprovalExpired { .. } => asks,
        Event::StageResolved { .. } => in_doubt,
        Event::StageSucceeded { kept_from: Some(_), .. } | Event::StageFailed { kept_from: Some(_), .. } => {
            *state == StageState::Pending
        }
        Event::StageSucceeded { attempt, .. } => match state {
            StageState::Waiting { wait: Wait::Approval { request, granted } } => {
                granted.len() >= request.required as usize
            }
            _ => running(attempt) || in_doubt && current(attempt),
        },
        Event::StageFailed { attempt, .. } => !state.is_terminal() && current(attempt),
        Event::StageSkipped { .. } => *state == StageState::Pending,
        Event::StageCompensated { .. } => matches!(state, StageState::Succeeded { .. }),
        Event::StageCancelled { .. } => !state.is_terminal(),
        _ => true,
    };
    demand(fits, || {
        format!("{} of stage \"{}\", which is {} at attempt {}", event.kind(), stage.id, state.word(), stage.attempt)
    })?;
    match (event, state) {
        (Event::StageStarted { .. } | Event::ApprovalExpired { .. }, StageState::Waiting { wait }) => {
            let due = wait.until().unwrap_or(Timestamp::NEVER);
            let what = || format!("{} of stage \"{}\"", event.kind(), stage.id);
            if at < due { Err(Illegal::Early { what: what(), at, due }) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

pub(crate) fn demand(fits: bool, why: impl FnOnce() -> String) -> Result<(), Illegal> {
    if fits { Ok(()) } else { Err(Illegal::Wrong(why())) }
}
