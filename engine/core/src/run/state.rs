//! What is true of a run and its stages.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::doubt::Doubt;
use super::event::Queued;
use crate::definition::Approver;
use crate::id::{ItemId, RunId};
use crate::time::Timestamp;

/// A run, folded from its events. Cloning is cheap: what is large is shared.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Run {
    /// Where it stands.
    pub status: RunStatus,
    /// What it was started with; `None` before it is queued.
    pub queued: Option<Arc<Queued>>,
    /// Its stages in the order of the plan.
    pub stages: Vec<Stage>,
    /// What it gave, once it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Arc<Map<String, Json>>>,
    /// Why the run as a whole failed, where no stage did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StageError>,
    /// Whether everything that could be undone was undone after a failure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compensated: bool,
    /// When it was queued.
    pub created_at: Option<Timestamp>,
    /// When its first stage started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum RunStatus {
    /// Nothing of it has started.
    #[default]
    Queued,
    /// A stage has started.
    Running,
    /// Nothing of it can go on by itself: it waits for a time or for people.
    Waiting,
    /// Nothing of it can go on before a person has said what became of an effect.
    NeedsAttention,
    /// Something failed, and what had been done is being undone.
    Compensating,
    /// Every stage ended as it should.
    Succeeded,
    /// Something failed that was not allowed to.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

/// One stage of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The stage's id.
    pub id: Arc<str>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: StageState,
    /// How many attempts have started.
    pub attempt: u32,
    /// The attempt that the stage's journal of host calls began with: one that a crash cuts off is gone on with by
    /// the next. 0 before the first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub journal: u32,
    /// How many attempts have failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// How many attempts a crash has cut off.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interruptions: u32,
    /// Which in order of all stages it succeeded, counted from 1; what undoes stages goes the other way.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub order: u32,
    /// The earlier run that did it, where this one only keeps what came of it: then no attempt of this run has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_from: Option<RunId>,
    /// When its last attempt started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Where a stage stands, and what belongs to that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum StageState {
    /// Waits for its needs.
    Pending,
    /// May start.
    Ready,
    /// An attempt is under way.
    Running,
    /// Goes on at a time, or when people have decided.
    Waiting {
        /// What for.
        wait: Wait,
    },
    /// Goes on when a person has said what became of an effect.
    NeedsAttention {
        /// What is in doubt.
        doubt: Arc<Doubt>,
    },
    /// Done.
    Succeeded {
        /// The action's output.
        outputs: Arc<Json>,
        /// What the last attempt used.
        usage: Usage,
    },
    /// Done, and undone when the run failed later.
    Compensated {
        /// The action's output.
        outputs: Arc<Json>,
        /// What the last attempt used.
        usage: Usage,
    },
    /// Failed, which the definition allows.
    AllowedFailure {
        /// Why.
        error: StageError,
    },
    /// Failed.
    Failed {
        /// Why.
        error: StageError,
    },
    /// Did not run.
    Skipped {
        /// Why not.
        reason: String,
    },
    /// Was cancelled before it ended.
    Cancelled,
}

/// The name of a [`StageState`].
pub type StageStatus = &'static str;

/// What a stage waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Wait {
    /// The time of its next attempt.
    Retry {
        /// When that is.
        #[serde(with = "crate::time::rfc3339")]
        #[schemars(with = "Timestamp")]
        until: Timestamp,
        /// Why the last one failed.
        error: StageError,
    },
    /// People.
    Approval {
        /// What they are asked.
        request: Arc<ApprovalRequest>,
        /// Who has agreed so far.
        granted: Vec<String>,
    },
}

/// What people are asked before a run goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalRequest {
    /// The question.
    pub message: String,
    /// Who may agree; empty is whoever may approve at all.
    pub approvers: Vec<Approver>,
    /// How many have to agree.
    pub required: u32,
    /// When it is too late.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::time::rfc3339::option")]
    #[schemars(with = "Option<Timestamp>")]
    pub deadline: Option<Timestamp>,
}

impl Wait {
    /// Returns when the stage goes on by itself.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Retry { until, .. } => Some(*until),
            Self::Approval { request, .. } => request.deadline,
        }
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Why a stage or a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageError {
    /// Stable code, for example `timeout_cpu`.
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// How long the plugin asks to wait before the next attempt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// How many effects the attempt had on the world before it failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub effects: u32,
}

/// What an attempt used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Time inside the guest, in milliseconds.
    pub cpu_ms: u64,
    /// Time from start to end, in milliseconds.
    pub wall_ms: u64,
    /// Most memory at once, in bytes.
    pub memory_bytes: u64,
}

/// What started a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Trigger {
    /// A push to the repository.
    Push,
    /// A pull request that was opened or has new commits.
    PullRequest {
        /// Its number.
        number: u64,
        /// The branch it is to be merged into.
        target: String,
    },
    /// A time of the pipeline's schedule.
    Schedule {
        /// The five fields of cron.
        cron: String,
        /// The time zone.
        timezone: String,
        /// The time that was meant; the run may have started later.
        #[serde(with = "crate::time::rfc3339")]
        #[schemars(with = "Timestamp")]
        nominal: Timestamp,
    },
    /// A person or a tool, over the API.
    Api,
    /// An item's transition, whose actions it runs.
    Item {
        /// The item.
        item: ItemId,
        /// The transition's name.
        transition: String,
        /// Whether the item changes its state only when the run has succeeded.
        waits: bool,
    },
    /// A person at a terminal, from a working tree.
    Local,
}

impl RunStatus {
    /// Tells whether nothing can happen to the run any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// Returns the status as it is written everywhere.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::NeedsAttention => "needs_attention",
            Self::Compensating => "compensating",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl StageState {
    /// Tells whether nothing can happen to the stage any more.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        !matches!(
            self,
            Self::Pending | Self::Ready | Self::Running | Self::Waiting { .. } | Self::NeedsAttention { .. }
        )
    }

    /// Tells whether a stage that needs this one may run on success.
    pub(super) fn lets_on(&self) -> bool {
        matches!(self, Self::Succeeded { .. } | Self::AllowedFailure { .. })
    }

    /// Returns the status as it is written everywhere.
    #[must_use]
    pub fn word(&self) -> StageStatus {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Waiting { .. } => "waiting",
            Self::NeedsAttention { .. } => "needs_attention",
            Self::Succeeded { .. } => "succeeded",
            Self::Compensated { .. } => "compensated",
            Self::AllowedFailure { .. } => "allowed_failure",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns why the stage failed.
    #[must_use]
    pub fn error(&self) -> Option<&StageError> {
        match self {
            Self::Failed { error } | Self::AllowedFailure { error } => Some(error),
            _ => None,
        }
    }
}

impl StageError {
    /// Makes an error.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), retry_after_ms: None, effects: 0 }
    }
}

impl Run {
    /// Returns the stage of that id.
    #[must_use]
    pub fn stage(&self, id: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| &*stage.id == id)
    }
}
