//! What conditions and messages can ask of an item.

use serde_json::{Value as Json, json};

use super::command::Context;
use super::state::Item;
use crate::definition::{ChecklistState, Facts};
use crate::machine::{Machine, TransitionPlan};

/// An item seen through its workflow, at a moment, perhaps on its way to another state.
pub(super) struct ItemFacts<'a> {
    pub(super) item: &'a Item,
    pub(super) machine: &'a Machine,
    pub(super) context: &'a Context<'a>,
    pub(super) transition: Option<&'a TransitionPlan>,
}

/// Which fields have no value.
pub(super) trait MissingValues {
    /// Returns those of the named fields that are empty.
    fn missing<'f>(&self, fields: &'f [String]) -> Vec<&'f str>;
}

impl MissingValues for ItemFacts<'_> {
    fn missing<'f>(&self, fields: &'f [String]) -> Vec<&'f str> {
        let empty = |field: &&String| match self.value(&crate::definition::canonical_path(field)) {
            Json::Null => true,
            Json::String(text) => text.trim().is_empty(),
            Json::Array(values) => values.is_empty(),
            Json::Object(entries) => entries.is_empty(),
            Json::Bool(_) | Json::Number(_) => false,
        };
        fields.iter().filter(empty).map(String::as_str).collect()
    }
}

impl Facts for ItemFacts<'_> {
    fn value(&self, path: &str) -> Json {
        let item = self.item;
        let Some(created) = &item.created else { return Json::Null };
        let days = |since: Option<crate::Timestamp>| {
            let millis = since.map(|since| self.context.now.millis() - since.millis());
            millis.map(|millis| millis / 86_400_000).into()
        };
        match path {
            "id" => json!(created.id),
            "key" => json!(created.key),
            "number" => json!(created.number),
            "project" | "project.name" => json!(created.project),
            "type" => json!(created.kind),
            "workflow" => json!(created.workflow),
            "title" => json!(item.title),
            "description" => json!(item.description),
            "state" => json!(item.state),
            "from_state" => self.transition.map_or(Json::Null, |transition| json!(transition.from)),
            "to_state" => self.transition.map_or(Json::Null, |transition| json!(transition.to)),
            "category" => json!(self.machine.state(&item.state).and_then(|state| state.category.clone())),
            "priority" => json!(item.priority),
            "assignee" => json!(item.assignee),
            "reporter" => json!(created.reporter),
            "labels" => json!(item.labels),
            "watchers" => json!(item.watchers),
            "created_at" => json!(created.at.to_string()),
            "updated_at" => json!(item.updated_at.map(|at| at.to_string())),
            "days_in_state" => days(item.entered_at),
            "days_since_last_update" => days(item.updated_at),
            "now" => json!(self.context.now.to_string()),
            "actor" | "actor.name" => json!(self.context.actor.name),
            _ => match path.split_once('.') {
                Some(("fields", key)) => item.fields.get(key).cloned().unwrap_or(Json::Null),
                Some(("env", name)) => self.context.env.get(name).cloned().unwrap_or(Json::Null),
                _ => Json::Null,
            },
        }
    }

    fn checklist(&self, id: &str) -> Option<ChecklistState> {
        let ticked = self.item.checked.get(id);
        let is_ticked = |entry: &str| ticked.is_some_and(|ticked| ticked.contains(entry));
        Some(self.machine.checklist(id)?.state(&is_ticked, self))
    }
}
