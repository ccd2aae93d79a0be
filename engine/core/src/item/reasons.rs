//! Why a transition cannot happen, in words, and which can.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::command::Context;
use super::facts::{ItemFacts, MissingValues};
use super::guards::GuardCall;
use super::state::Item;
use crate::machine::{Machine, TransitionPlan};

/// Why a transition cannot happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// What kind of reason it is.
    pub code: ReasonCode,
    /// The reason in words, for people.
    pub message: String,
    /// The guard that refuses, where it is one.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardReason>,
}

/// The guard that a reason comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuardReason {
    /// What the workflow calls it: `freeze-calendar`, `policy/check`.
    pub guard: String,
    /// `denied` where it says no; otherwise why it could not say anything, which counts as a no: `not_installed`,
    /// `expression`, `invalid_input`, `plugin`, `trap`, `timeout_wall` …
    pub cause: String,
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
    /// A guard says no, or could not say anything.
    Guard,
    /// Somebody has to approve it.
    Approval,
    /// The actions that it waits for failed.
    Action,
}

/// A transition that leads out of an item's state.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
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
    /// The guards that are asked when it is taken, by what the workflow calls them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<String>,
    /// The fields that have to be filled in, whether they are or not.
    pub requires_fields: Vec<String>,
}

impl Reason {
    pub(super) fn new(code: ReasonCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), guard: None }
    }
}

/// What speaks against a transition, and which guards could.
pub(super) struct Against {
    /// Every reason why it cannot happen, in the order in which the engine asks.
    pub(super) reasons: Vec<Reason>,
    /// The guards that nobody has asked yet, where their answers matter.
    pub(super) open: Vec<GuardCall>,
}

impl Item {
    /// Returns the transitions that lead out of the item's state, with every reason against each. Guards that were not
    /// asked are no reason.
    #[must_use]
    pub fn possibilities(&self, machine: &Machine, context: &Context<'_>) -> Vec<Possibility> {
        let describe = |transition: &TransitionPlan| {
            let mut reasons: Vec<Reason> = self.pending_reason().into_iter().collect();
            reasons.extend(self.against(machine, transition, context).reasons);
            Possibility {
                name: transition.name.clone(),
                description: transition.description.clone(),
                to: transition.to.clone(),
                possible: reasons.is_empty(),
                reasons,
                guards: transition.guards.iter().map(|guard| guard.uses.clone()).collect(),
                requires_fields: transition.requires_fields.clone(),
            }
        };
        machine.transitions_from(&self.state).map(describe).collect()
    }

    /// Returns the guards on which [`Item::possibilities`] depend and that were not asked yet.
    #[must_use]
    pub fn open_guards(&self, machine: &Machine, context: &Context<'_>) -> Vec<GuardCall> {
        if self.pending.is_some() {
            return Vec::new();
        }
        machine.transitions_from(&self.state).flat_map(|way| self.against(machine, way, context).open).collect()
    }

    pub(super) fn pending_reason(&self) -> Option<Reason> {
        let pending = self.pending.as_ref()?;
        let message =
            format!("\"{}\" to {} waits for its actions (run {})", pending.transition, pending.to, pending.run);
        Some(Reason::new(ReasonCode::Pending, message))
    }

    /// Says what speaks against a transition out of the item's state. The engine looks at required fields, conditions
    /// and `when` first; guards are asked only where those leave it open, and all of them are; approvals come last.
    pub(super) fn against(&self, machine: &Machine, transition: &TransitionPlan, context: &Context<'_>) -> Against {
        let mut reasons = self.own_reasons(machine, transition, context);
        let guarded = self.guarded(machine, transition, context, reasons.is_empty());
        reasons.extend(guarded.reasons);
        let leaving = machine.state(&self.state).filter(|_| !transition.rejection);
        let leaving = leaving.and_then(|state| state.approval.as_deref());
        for who in leaving.into_iter().chain(transition.approval.as_deref()) {
            let message = format!("it needs the approval of {who}, and this version cannot ask for it yet");
            reasons.push(Reason::new(ReasonCode::Approval, message));
        }
        Against { reasons, open: guarded.open }
    }

    /// Returns the reasons that the item itself gives: required fields, conditions, `when`.
    fn own_reasons(&self, machine: &Machine, transition: &TransitionPlan, context: &Context<'_>) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let facts = ItemFacts { item: self, machine, context, transition: Some(transition) };
        for field in facts.missing(&transition.requires_fields) {
            reasons.push(Reason::new(ReasonCode::RequiredField, format!("\"{field}\" has to be filled in")));
        }
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
        reasons
    }
}
