//! What is true of an item.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::id::{ItemId, RunId};
use crate::time::Timestamp;

/// An item, folded from its events.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Item {
    /// What is settled for ever; `None` before it is created.
    pub created: Option<Arc<Created>>,
    /// One line that says what it is.
    pub title: String,
    /// More of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The id of its state.
    pub state: String,
    /// When it came into that state.
    pub entered_at: Option<Timestamp>,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Who works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// What it is tagged with.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<String>,
    /// Who wants to know about it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub watchers: BTreeSet<String>,
    /// Its fields by their keys.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Json>,
    /// What people have ticked off: entries by checklist.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checked: BTreeMap<String, BTreeSet<String>>,
    /// The transition that waits for its actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// How often it has changed: what an ETag is made of. An attempt that was refused changes nothing.
    pub version: u64,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}

/// What is settled about an item when it is created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Created {
    /// Its id.
    pub id: ItemId,
    /// Its project's name.
    pub project: String,
    /// Its number in the project, counted from 1.
    pub number: i64,
    /// What people call it: `SHOP-12`.
    pub key: String,
    /// The key of its type; none where the project has no types.
    #[serde(rename = "type")]
    pub kind: String,
    /// The id of its workflow.
    pub workflow: String,
    /// Who created it.
    pub reporter: String,
    /// When.
    #[serde(with = "crate::time::rfc3339")]
    #[schemars(with = "Timestamp")]
    pub at: Timestamp,
}

/// A transition that waits for its actions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pending {
    /// The transition's name.
    pub transition: String,
    /// The state it leads to.
    pub to: String,
    /// The run of the actions.
    pub run: RunId,
    /// Who asked for it.
    pub by: String,
    /// In their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}
