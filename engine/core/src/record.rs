//! What is written down beside events: records of stages, which are never folded into state, and what happens to a
//! project's definitions.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::RevisionId;

/// Something of a stage that is worth knowing and changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum Record {
    /// Lines that a stage wrote.
    #[serde(rename = "stage.log")]
    StageLog {
        /// The stage.
        stage: Arc<str>,
        /// Which attempt, from 1.
        attempt: u32,
        /// The lines, in order.
        lines: Vec<Line>,
    },
    /// How far a stage has come.
    #[serde(rename = "stage.progress")]
    StageProgress {
        /// The stage.
        stage: Arc<str>,
        /// Which attempt, from 1.
        attempt: u32,
        /// What it is doing.
        message: String,
        /// How much is done.
        done: u64,
        /// How much there is, where that is known.
        total: Option<u64>,
    },
}

/// One line of a stage's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// How much it matters.
    pub level: LogLevel,
    /// The line, without its end.
    pub text: String,
    /// When it was written, RFC 3339.
    pub at: String,
}

/// How much a line of a log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For whoever looks for a fault.
    Debug,
    /// Ordinary.
    Info,
    /// Worth a look.
    Warn,
    /// Something is wrong.
    Error,
}

/// Something that happened to a project's definitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum RevisionEvent {
    /// A revision was accepted.
    #[serde(rename = "revision.published")]
    Published(RevisionNote),
    /// A revision has errors and was never in force.
    #[serde(rename = "revision.rejected")]
    Rejected(RevisionNote),
}

/// What is said of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevisionNote {
    /// The revision.
    pub revision: RevisionId,
    /// The commit it was read from; none for a working tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The Git reference it was read from.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What it is to its project: active, branch or rejected.
    pub status: String,
    /// How many errors it has.
    pub errors: usize,
}

impl Record {
    /// Returns the kind, for example `stage.log`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::StageLog { .. } => "stage.log",
            Self::StageProgress { .. } => "stage.progress",
        }
    }
}

impl RevisionEvent {
    /// Returns the kind, for example `revision.published`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Published(_) => "revision.published",
            Self::Rejected(_) => "revision.rejected",
        }
    }
}
