//! What can be asked of a run.

use std::sync::Arc;

use serde_json::Value as Json;

use super::doubt::{Doubt, Found, Resolution};
use super::event::Queued;
use super::state::{Run, StageError, Usage};
use crate::definition::Approver;
use crate::time::Timestamp;

/// What comes from outside with a command, because core has no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time.
    pub now: Timestamp,
}

/// Something to do.
#[derive(Debug, Clone)]
pub enum Command {
    /// Bring the run into being. Refused when it already is.
    Queue(Arc<Queued>),
    /// Bring a run into being that goes on from an ended one: what that one finished is kept and not done again.
    /// Refused when it already is, and where the other has not ended or nothing of it is left to do.
    Resume {
        /// What it is started with; the same definitions as the other.
        queued: Arc<Queued>,
        /// The other run.
        before: Arc<Run>,
        /// The stage (or matrix) that is done again together with everything after it, whatever became of it.
        from: Option<Arc<str>>,
    },
    /// The time of a stage has come: begin an attempt of one that is ready or has waited for its next attempt. Of a
    /// running one, the attempt was cut off by a crash: begin the next. Of one that waits for people, too few have
    /// agreed in time. Refused in any other state.
    Begin {
        /// The stage.
        stage: Arc<str>,
        /// What is known of the attempt that was cut off; of no account otherwise.
        found: Found,
    },
    /// Report how an attempt ended. Refused unless that attempt is under way.
    Finish {
        /// The stage.
        stage: Arc<str>,
        /// The attempt.
        attempt: u32,
        /// How it ended.
        outcome: Outcome,
    },
    /// Agree to what a stage waits for. Refused unless it waits for that, and for this person.
    Approve {
        /// The stage.
        stage: Arc<str>,
        /// Who agrees.
        actor: Actor,
        /// In their words.
        comment: Option<String>,
    },
    /// Refuse what a stage waits for; one refusal is enough. Refused unless it waits for that, and for this person.
    Reject {
        /// The stage.
        stage: Arc<str>,
        /// Who refuses.
        actor: Actor,
        /// In their words.
        comment: Option<String>,
    },
    /// Say what became of an effect in doubt. Refused unless the stage needs attention.
    Resolve {
        /// The stage.
        stage: Arc<str>,
        /// Who says so.
        actor: Actor,
        /// What became of it.
        resolution: Resolution,
        /// In their words.
        comment: Option<String>,
    },
    /// Cancel everything that has not ended; stages under `finally` still run. A second
    /// one cancels those as well.
    Cancel,
    /// The run has used up its time: fail what is under way, skip what has not begun;
    /// stages under `finally` still run.
    Expire,
}

/// Somebody who does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The name.
    pub name: String,
    /// The roles in the project; `None` is an administrator, who has all of them.
    pub roles: Option<Vec<String>>,
}

impl Actor {
    /// Makes an administrator.
    #[must_use]
    pub fn admin(name: impl Into<String>) -> Self {
        Self { name: name.into(), roles: None }
    }

    /// Tells whether the person is one of those who are named; nobody named is everybody.
    #[must_use]
    pub fn is_among(&self, approvers: &[Approver]) -> bool {
        let is = |approver: &Approver| match approver {
            Approver::User(user) => *user == self.name || self.roles.is_none(),
            Approver::Role(role) => self.roles.as_ref().is_none_or(|roles| roles.contains(role)),
        };
        approvers.is_empty() || approvers.iter().any(is)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// With an output.
    Succeeded {
        /// The action's output, a JSON object.
        outputs: Json,
        /// What it used.
        usage: Usage,
    },
    /// With an error.
    Failed(StageError),
    /// With something that nobody knows the end of, and that may not be done again by itself.
    InDoubt(Doubt),
}

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// It exists already.
    #[error("the run exists already")]
    Exists,
    /// It has ended; a terminal run never changes.
    #[error("the run has ended")]
    Ended,
    /// What it should go on from has not ended.
    #[error("the run has not ended")]
    NotEnded,
    /// What it should go on from has done everything.
    #[error("nothing of the run is left to do")]
    NothingLeft,
    /// What it should go on from had other stages.
    #[error("the run has other stages")]
    OtherStages,
    /// No such stage.
    #[error("the run has no stage \"{0}\"")]
    UnknownStage(Arc<str>),
    /// The stage is not where the command takes it from.
    #[error("stage \"{stage}\" is {status}")]
    WrongState {
        /// The stage.
        stage: Arc<str>,
        /// Where it stands.
        status: &'static str,
    },
    /// The person is not one who is asked.
    #[error("{actor} is not asked to approve stage \"{stage}\"")]
    NotAsked {
        /// The stage.
        stage: Arc<str>,
        /// Who it was.
        actor: String,
    },
    /// The person has agreed already.
    #[error("{actor} has already approved stage \"{stage}\"")]
    AlreadyApproved {
        /// The stage.
        stage: Arc<str>,
        /// Who it was.
        actor: String,
    },
    /// The attempt is not the one under way.
    #[error("attempt {attempt} of stage \"{stage}\" is not under way")]
    Stale {
        /// The stage.
        stage: Arc<str>,
        /// The attempt named.
        attempt: u32,
    },
}
