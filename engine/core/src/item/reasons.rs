//! Why a transition cannot happen, in words, and which can.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::command::Context;
use super::facts::{ItemFacts, MissingValues};
use super::state::Item;
use crate::expression::Scope;
use crate::machine::{Machine, TransitionPlan};

/// Why a transition cannot happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// What kind of reason it is.
    pub code: ReasonCode,
    /// The reason in words, for people.
    pub message: String,
}

/// A kind of reason; the order is that in which they are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// The person may not do it.
    Permission,
    /// There is no such transition, or it does not lead out of the item's state.
    State,
    /// Another transition of the item waits for its actions.
    Pending,
    /// A field that has to be filled in is empty.
    RequiredField,
    /// A condition does not hold.
    Condition,
    /// The expression under `when` is not true.
    When,
    /// A guard says no.
    Guard,
    /// Somebody has to approve it.
    Approval,
    /// The actions that it waits for failed.
    Action,
}

/// A transition that leads out of an item's state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Possibility {
    /// The transition's name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The state it leads to.
    pub to: String,
    /// Whether it can happen now.
    pub possible: bool,
    /// Every reason why not.
    pub reasons: Vec<Reason>,
    /// The fields that have to be filled in, whether they are or not.
    pub requires_fields: Vec<String>,
}

impl Reason {
    pub(super) fn new(code: ReasonCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl Item {
    /// Returns the transitions that lead out of the item's state, with every reason against each.
    #[must_use]
    pub fn possibilities(&self, machine: &Machine, context: &Context<'_>) -> Vec<Possibility> {
        let describe = |transition: &TransitionPlan| {
            let mut reasons: Vec<Reason> = self.pending_reason().into_iter().collect();
            reasons.extend(self.reasons_against(machine, transition, context));
            Possibility {
                name: transition.name.clone(),
                description: transition.description.clone(),
                to: transition.to.clone(),
                possible: reasons.is_empty(),
                reasons,
                requires_fields: transition.requires_fields.clone(),
            }
        };
        machine.transitions_from(&self.state).map(describe).collect()
    }

    pub(super) fn pending_reason(&self) -> Option<Reason> {
        let pending = self.pending.as_ref()?;
        let message =
            format!("\"{}\" to {} waits for its actions (run {})", pending.transition, pending.to, pending.run);
        Some(Reason::new(ReasonCode::Pending, message))
    }

    /// Returns every reason why a transition out of the item's state cannot happen, in the order in which the engine
    /// asks: required fields, conditions, `when`, guards, approvals.
    pub(super) fn reasons_against(
        &self,
        machine: &Machine,
        transition: &TransitionPlan,
        context: &Context<'_>,
    ) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let facts = ItemFacts { item: self, machine, context, transition: Some(transition) };
        for field in facts.missing(&transition.requires_fields) {
            reasons.push(Reason::new(ReasonCode::RequiredField, format!("\"{field}\" has to be filled in")));
        }
        let state = machine.state(&self.state);
        let conditions = [Some(&transition.conditions), machine.state(&transition.to).map(|state| &state.conditions)];
        for condition in conditions.into_iter().flatten() {
            let refused = condition.holds(&facts).err().unwrap_or_default();
            reasons.extend(refused.into_iter().map(|refused| Reason::new(ReasonCode::Condition, refused.reason)));
        }
        if let Some(when) = &transition.when {
            match when.holds(&self.scope(machine, Some(transition), context)) {
                Ok(true) => {}
                Ok(false) => {
                    let message = format!("it needs `{}`, which is not so", when.source());
                    reasons.push(Reason::new(ReasonCode::When, message));
                }
                Err(error) => reasons.push(Reason::new(ReasonCode::When, error.to_string())),
            }
        }
        for guard in &transition.guards {
            let message = format!("guard \"{guard}\" cannot be asked: this version has no guards yet");
            reasons.push(Reason::new(ReasonCode::Guard, message));
        }
        let leaving = state.filter(|_| !transition.rejection).and_then(|state| state.approval.as_deref());
        for who in leaving.into_iter().chain(transition.approval.as_deref()) {
            let message = format!("it needs the approval of {who}, and this version cannot ask for it yet");
            reasons.push(Reason::new(ReasonCode::Approval, message));
        }
        reasons
    }

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
