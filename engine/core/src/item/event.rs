//! What can happen to an item. The JSON form is what is stored and what SSE carries.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::reasons::Reason;
use super::state::{Created, Pending};
use crate::id::RunId;

/// A fact about an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum Event {
    /// The item exists, in the first state of its workflow.
    #[serde(rename = "item.created")]
    Created {
        /// What is settled for ever.
        #[serde(flatten)]
        created: Arc<Created>,
        /// The state it begins in.
        state: String,
        /// What it says, by the names of [`Event::Updated`].
        values: Map<String, Json>,
    },
    /// Something that it says has changed.
    #[serde(rename = "item.updated")]
    Updated {
        /// The new values: `title description priority assignee labels watchers`, `fields.<key>`, and
        /// `checked.<checklist>` with a list of entries. Null takes a value away.
        values: Map<String, Json>,
        /// Who changed it.
        by: String,
    },
    /// Somebody said something about it.
    #[serde(rename = "item.commented")]
    Commented {
        /// What.
        body: String,
        /// Who.
        by: String,
    },
    /// A transition was asked for and waits until its actions have succeeded.
    #[serde(rename = "item.waiting")]
    Waiting {
        /// Which.
        #[serde(flatten)]
        pending: Pending,
        /// The state it leads from.
        from: String,
    },
    /// It has changed its state.
    #[serde(rename = "item.transitioned")]
    Transitioned {
        /// The transition's name.
        transition: String,
        /// The state before.
        from: String,
        /// The state now.
        to: String,
        /// Who asked for it.
        by: String,
        /// In their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
        /// The run of what follows, where something does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
    },
    /// A transition was asked for and did not happen; or it waited, and its actions came to nothing.
    #[serde(rename = "item.refused")]
    Refused {
        /// The transition's name, or the state that was asked for.
        transition: String,
        /// Who asked for it.
        by: String,
        /// Why not: every reason.
        reasons: Vec<Reason>,
        /// The run that it had waited for, where it had.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<RunId>,
        /// The run of what follows, where something does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
    },
}

impl Event {
    /// Returns the kind, for example `item.created`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "item.created",
            Self::Updated { .. } => "item.updated",
            Self::Commented { .. } => "item.commented",
            Self::Waiting { .. } => "item.waiting",
            Self::Transitioned { .. } => "item.transitioned",
            Self::Refused { .. } => "item.refused",
        }
    }
}
