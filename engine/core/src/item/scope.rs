//! An item as others see it: expressions, runs, guards and the API.

use serde_json::{Value as Json, json};

use super::command::Context;
use super::state::Item;
use crate::expression::Scope;
use crate::machine::{Machine, TransitionPlan};

impl Item {
    /// Builds the names that expressions of a transition use.
    pub(super) fn scope(&self, machine: &Machine, transition: Option<&TransitionPlan>, context: &Context<'_>) -> Scope {
        let names =
            transition.map(|transition| json!({ "name": transition.name, "from": self.state, "to": transition.to }));
        Scope::new()
            .with("item", self.snapshot(machine))
            .with("actor", json!({ "name": context.actor.name, "roles": context.actor.roles }))
            .with("project", json!({ "name": context.project }))
            .with("env", Json::Object(context.env.clone()))
            .with("event", json!({ "type": "item.transitioned" }))
            .with("transition", names.unwrap_or(Json::Null))
    }

    /// Returns the item as expressions, runs and the API see it.
    #[must_use]
    pub fn snapshot(&self, machine: &Machine) -> Json {
        let Some(created) = &self.created else { return Json::Null };
        let state = machine.state(&self.state);
        json!({
            "id": created.id,
            "key": created.key,
            "number": created.number,
            "project": created.project,
            "type": created.kind,
            "workflow": created.workflow,
            "title": self.title,
            "description": self.description,
            "state": self.state,
            "category": state.and_then(|state| state.category.clone()),
            "priority": self.priority,
            "assignee": self.assignee,
            "reporter": created.reporter,
            "labels": self.labels,
            "watchers": self.watchers,
            "fields": self.fields,
            "checked": self.checked,
            "pending": self.pending,
            "version": self.version,
            "created_at": created.at.to_string(),
            "updated_at": self.updated_at.map(|at| at.to_string()),
            "entered_at": self.entered_at.map(|at| at.to_string()),
        })
    }
}
