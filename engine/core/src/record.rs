//! What is written down beside events: records of stages, which are never folded into state, and what happens to a
//! project's definitions, secrets, values and deployments.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{ReleaseId, RevisionId, RunId};

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
    /// Something that a stage asked for and was not granted.
    #[serde(rename = "stage.denied")]
    StageDenied {
        /// The stage.
        stage: Arc<str>,
        /// Which attempt, from 1.
        attempt: u32,
        /// The capability: `http`, `secrets` …
        capability: String,
        /// What it asked for, and what would allow it.
        message: String,
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

/// Something that happened to an app of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum DeploymentEvent {
    /// A release was made: it is served at its own address, and not live.
    #[serde(rename = "deployment.prepared")]
    Prepared {
        /// The app.
        app: String,
        /// The release.
        release: ReleaseId,
        /// Digest of the artifact that it serves, `sha256:…`.
        artifact: String,
        /// The run that made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The stage of the run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<String>,
    },
    /// A release was put live in the place of another, in one step.
    #[serde(rename = "deployment.activated")]
    Activated {
        /// The app.
        app: String,
        /// The release that is live from now on.
        release: ReleaseId,
        /// The one that was live until now; none for the first.
        previous: Option<ReleaseId>,
        /// The run that did it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The stage of the run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<String>,
    },
}

/// Somebody changed what is set for a project beside its definitions. What was set is never said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum SettingEvent {
    /// A secret has a value, or a new one.
    #[serde(rename = "secret.set")]
    SecretSet(SettingNote),
    /// A secret is gone.
    #[serde(rename = "secret.removed")]
    SecretRemoved(SettingNote),
    /// A plain value is set, or set anew.
    #[serde(rename = "env.set")]
    EnvSet(SettingNote),
    /// A plain value is gone.
    #[serde(rename = "env.removed")]
    EnvRemoved(SettingNote),
}

/// What is said of a change to a project's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SettingNote {
    /// The name of what changed.
    pub name: String,
    /// Who changed it.
    pub by: String,
}

impl Record {
    /// Returns the kind, for example `stage.log`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::StageLog { .. } => "stage.log",
            Self::StageProgress { .. } => "stage.progress",
            Self::StageDenied { .. } => "stage.denied",
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

impl DeploymentEvent {
    /// Returns the kind, for example `deployment.activated`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Prepared { .. } => "deployment.prepared",
            Self::Activated { .. } => "deployment.activated",
        }
    }
}

impl SettingEvent {
    /// Returns the kind, for example `secret.set`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SecretSet(_) => "secret.set",
            Self::SecretRemoved(_) => "secret.removed",
            Self::EnvSet(_) => "env.set",
            Self::EnvRemoved(_) => "env.removed",
        }
    }
}
