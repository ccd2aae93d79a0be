//! What can happen to a run. The JSON form is what is stored and what SSE carries.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::doubt::{Doubt, Resolution};
use super::state::{ApprovalRequest, StageError, Trigger, Usage};
use crate::id::{RevisionId, RunId};
use crate::time::Timestamp;

/// A fact about a run. Each variant says the transition it causes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum Event {
    /// The run exists: all its stages are pending.
    #[serde(rename = "run.queued")]
    RunQueued(Arc<Queued>),
    /// Its first stage starts: queued → running.
    #[serde(rename = "run.started")]
    RunStarted {},
    /// Nothing of it can go on by itself: running → waiting.
    #[serde(rename = "run.waiting")]
    RunWaiting {},
    /// Something of it needs a person who knows more: running → needs attention.
    #[serde(rename = "run.needs_attention")]
    RunNeedsAttention {},
    /// Something failed and there is something to undo: running → compensating.
    #[serde(rename = "run.compensating")]
    RunCompensating {},
    /// → succeeded.
    #[serde(rename = "run.succeeded")]
    RunSucceeded {
        /// What the run gave.
        outputs: Arc<Map<String, Json>>,
    },
    /// → failed.
    #[serde(rename = "run.failed")]
    RunFailed {
        /// Why, where no stage failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StageError>,
        /// Whether everything that could be undone was undone.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        compensated: bool,
    },
    /// → cancelled.
    #[serde(rename = "run.cancelled")]
    RunCancelled {},
    /// Its needs have ended: pending → ready.
    #[serde(rename = "stage.ready")]
    StageReady {
        /// The stage.
        stage: Arc<str>,
    },
    /// An attempt begins: ready → running.
    #[serde(rename = "stage.started")]
    StageStarted {
        /// The stage.
        stage: Arc<str>,
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// The attempt under way came to nothing and there will be another: running → ready, or → waiting where that
    /// one has to wait.
    #[serde(rename = "stage.retrying")]
    StageRetrying {
        /// The stage.
        stage: Arc<str>,
        /// The attempt that ended.
        attempt: u32,
        /// Why.
        error: StageError,
        /// When the next one begins; at once where none is given.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::time::rfc3339::option")]
        #[schemars(with = "Option<Timestamp>")]
        until: Option<Timestamp>,
    },
    /// People are asked: pending → waiting.
    #[serde(rename = "approval.requested")]
    ApprovalRequested {
        /// The stage.
        stage: Arc<str>,
        /// What they are asked.
        request: Arc<ApprovalRequest>,
    },
    /// One of them agrees.
    #[serde(rename = "approval.granted")]
    ApprovalGranted {
        /// The stage.
        stage: Arc<str>,
        /// Who.
        by: String,
        /// In their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// One of them refuses.
    #[serde(rename = "approval.rejected")]
    ApprovalRejected {
        /// The stage.
        stage: Arc<str>,
        /// Who.
        by: String,
        /// In their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// Too few have agreed in time.
    #[serde(rename = "approval.expired")]
    ApprovalExpired {
        /// The stage.
        stage: Arc<str>,
    },
    /// Nobody knows what became of an effect that may not be repeated: running → needs attention.
    #[serde(rename = "stage.needs_attention")]
    StageNeedsAttention {
        /// The stage.
        stage: Arc<str>,
        /// The attempt that was cut off.
        attempt: u32,
        /// What is in doubt.
        doubt: Arc<Doubt>,
    },
    /// A person says what became of it; what follows from that follows.
    #[serde(rename = "stage.resolved")]
    StageResolved {
        /// The stage.
        stage: Arc<str>,
        /// Who.
        by: String,
        /// What became of it.
        #[serde(flatten)]
        resolution: Resolution,
        /// In their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// → succeeded.
    #[serde(rename = "stage.succeeded")]
    StageSucceeded {
        /// The stage.
        stage: Arc<str>,
        /// The attempt that did it.
        attempt: u32,
        /// The action's output.
        outputs: Arc<Json>,
        /// What the attempt used.
        usage: Usage,
        /// The run that did it, where this one goes on from what that one had done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept_from: Option<RunId>,
    },
    /// → failed, or → allowed failure.
    #[serde(rename = "stage.failed")]
    StageFailed {
        /// The stage.
        stage: Arc<str>,
        /// The attempt that failed; 0 where none began.
        attempt: u32,
        /// Why.
        error: StageError,
        /// Whether the definition allows it.
        allowed: bool,
        /// The run it failed in, where this one goes on from what that one had done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept_from: Option<RunId>,
    },
    /// pending → skipped.
    #[serde(rename = "stage.skipped")]
    StageSkipped {
        /// The stage.
        stage: Arc<str>,
        /// Why it does not run.
        reason: String,
    },
    /// What it had done is undone: succeeded → compensated.
    #[serde(rename = "stage.compensated")]
    StageCompensated {
        /// The stage.
        stage: Arc<str>,
    },
    /// Anything not ended → cancelled.
    #[serde(rename = "stage.cancelled")]
    StageCancelled {
        /// The stage.
        stage: Arc<str>,
    },
}

/// What a run is started with, kept for its whole life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Queued {
    /// The run's id.
    pub id: RunId,
    /// Name of the project.
    pub project: String,
    /// The pipeline's id.
    pub pipeline: String,
    /// The revision whose definitions it keeps.
    pub revision: RevisionId,
    /// The commit, 40 hexadecimal digits; `None` for a working tree without one.
    pub commit: Option<String>,
    /// The full ref, for example `refs/heads/main`.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// What started it.
    pub trigger: Trigger,
    /// Who started it, as far as that is known.
    pub actor: String,
    /// Its inputs, checked and with defaults.
    pub inputs: Map<String, Json>,
    /// The item whose transition started it, as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Json>,
    /// The project's plain values at that moment.
    pub env: Map<String, Json>,
    /// The stages' ids in the order of the plan.
    pub stages: Vec<Arc<str>>,
    /// The ended run that it repeats or goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_from: Option<RunId>,
    /// Whether the commit is a stranger's: nothing begins before a person has agreed, and no stage gets a secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stranger: bool,
}

impl Event {
    /// Returns the kind, for example `stage.ready`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RunQueued(_) => "run.queued",
            Self::RunStarted {} => "run.started",
            Self::RunWaiting {} => "run.waiting",
            Self::RunNeedsAttention {} => "run.needs_attention",
            Self::RunCompensating {} => "run.compensating",
            Self::RunSucceeded { .. } => "run.succeeded",
            Self::RunFailed { .. } => "run.failed",
            Self::RunCancelled {} => "run.cancelled",
            Self::StageReady { .. } => "stage.ready",
            Self::StageStarted { .. } => "stage.started",
            Self::StageRetrying { .. } => "stage.retrying",
            Self::ApprovalRequested { .. } => "approval.requested",
            Self::ApprovalGranted { .. } => "approval.granted",
            Self::ApprovalRejected { .. } => "approval.rejected",
            Self::ApprovalExpired { .. } => "approval.expired",
            Self::StageNeedsAttention { .. } => "stage.needs_attention",
            Self::StageResolved { .. } => "stage.resolved",
            Self::StageSucceeded { .. } => "stage.succeeded",
            Self::StageFailed { .. } => "stage.failed",
            Self::StageSkipped { .. } => "stage.skipped",
            Self::StageCompensated { .. } => "stage.compensated",
            Self::StageCancelled { .. } => "stage.cancelled",
        }
    }

    /// Returns the stage it is about.
    #[must_use]
    pub fn stage(&self) -> Option<&Arc<str>> {
        match self {
            Self::StageReady { stage }
            | Self::StageStarted { stage, .. }
            | Self::StageRetrying { stage, .. }
            | Self::ApprovalRequested { stage, .. }
            | Self::ApprovalGranted { stage, .. }
            | Self::ApprovalRejected { stage, .. }
            | Self::ApprovalExpired { stage }
            | Self::StageNeedsAttention { stage, .. }
            | Self::StageResolved { stage, .. }
            | Self::StageSucceeded { stage, .. }
            | Self::StageFailed { stage, .. }
            | Self::StageSkipped { stage, .. }
            | Self::StageCompensated { stage }
            | Self::StageCancelled { stage } => Some(stage),
            _ => None,
        }
    }
}
