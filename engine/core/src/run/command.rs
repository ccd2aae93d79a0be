//! What can be asked of a run.

use std::sync::Arc;

use serde_json::Value as Json;

use super::event::Queued;
use super::state::{StageError, Usage};
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
    /// Begin an attempt of a ready stage. Of a running one: its attempt was cut off by
    /// a crash, begin the next. Refused in any other state.
    Begin {
        /// The stage.
        stage: Arc<str>,
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
    /// Cancel everything that has not ended; stages under `finally` still run. A second
    /// one cancels those as well.
    Cancel,
    /// The run has used up its time: fail what is under way, skip what has not begun;
    /// stages under `finally` still run.
    Expire,
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
    /// The attempt is not the one under way.
    #[error("attempt {attempt} of stage \"{stage}\" is not under way")]
    Stale {
        /// The stage.
        stage: Arc<str>,
        /// The attempt named.
        attempt: u32,
    },
}
