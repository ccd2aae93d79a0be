//! Which items: a query, built step by step.

use serde_json::Value;

use super::{Error, decode};
use crate::host::items as host;

/// How many items a query finds where nothing is said.
const LIMIT: u32 = 100;

/// Which items; everything that is set has to hold.
#[derive(Debug, Clone, Default)]
#[must_use = "a query finds nothing until it is sent"]
pub struct Query {
    state: Option<String>,
    type_: Option<String>,
    assignee: Option<String>,
    label: Option<String>,
    text: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

impl Query {
    /// In this state.
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.state = Some(state.into());
        self
    }

    /// Of this type.
    pub fn type_(mut self, name: impl Into<String>) -> Self {
        self.type_ = Some(name.into());
        self
    }

    /// Of this person.
    pub fn assignee(mut self, person: impl Into<String>) -> Self {
        self.assignee = Some(person.into());
        self
    }

    /// With this label.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// With this text in the title.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// After the item of this id: where the last answer ended.
    pub fn after(mut self, id: impl Into<String>) -> Self {
        self.after = Some(id.into());
        self
    }

    /// How many, at most and by default 100.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The items in the order of their ids.
    pub fn find(self) -> Result<Vec<Value>, Error> {
        let query = host::Query {
            state: self.state,
            type_: self.type_,
            assignee: self.assignee,
            label: self.label,
            text: self.text,
            after: self.after,
            limit: self.limit.unwrap_or(LIMIT),
        };
        host::find(&query)?.iter().map(|item| decode(item)).collect()
    }
}
