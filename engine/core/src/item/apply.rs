//! The fold: what has happened has happened, so nothing here can fail.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;

use super::event::Event;
use super::state::Item;
use crate::time::Timestamp;

impl Item {
    /// Folds one event into the state.
    pub fn apply(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Created { created, state, values } => {
                self.created = Some(Arc::clone(created));
                self.enter(state, at);
                values.iter().for_each(|(name, value)| self.set(name, value));
            }
            Event::Updated { values, .. } => values.iter().for_each(|(name, value)| self.set(name, value)),
            Event::Commented { .. } => {}
            Event::Waiting { pending, .. } => self.pending = Some(pending.clone()),
            Event::Transitioned { to, .. } => {
                self.pending = None;
                self.enter(to, at);
            }
            // What was refused before it waited changes nothing.
            Event::Refused { after: None, .. } => return,
            Event::Refused { after: Some(_), .. } => self.pending = None,
        }
        self.version += 1;
        self.updated_at = Some(at);
    }

    fn enter(&mut self, state: &str, at: Timestamp) {
        state.clone_into(&mut self.state);
        self.entered_at = Some(at);
    }

    /// Sets a value by the name that [`Event::Updated`] gives it; unknown names change nothing.
    pub(super) fn set(&mut self, name: &str, value: &Json) {
        let text = || value.as_str().map(str::to_owned);
        match name {
            "title" => self.title = text().unwrap_or_default(),
            "description" => self.description = text().unwrap_or_default(),
            "priority" => self.priority = text(),
            "assignee" => self.assignee = text(),
            "labels" => self.labels = texts(value),
            "watchers" => self.watchers = texts(value),
            _ => match name.split_once('.') {
                Some(("fields", key)) if value.is_null() => drop(self.fields.shift_remove(key)),
                Some(("fields", key)) => drop(self.fields.insert(key.to_owned(), value.clone())),
                Some(("checked", list)) if value.is_null() => drop(self.checked.remove(list)),
                Some(("checked", list)) => drop(self.checked.insert(list.to_owned(), texts(value))),
                _ => {}
            },
        }
    }
}

/// Returns the texts of a JSON list, without repeats.
pub(super) fn texts(value: &Json) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().filter_map(|entry| entry.as_str().map(str::to_owned)).collect()
}
