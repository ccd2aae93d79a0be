//! `sla:` of a state: how long an item may stay in it.

use std::time::Duration;

use super::action::{ACTIONS, ActionDefinition};
use super::condition::{CONDITIONS, Condition};
use crate::decode::{boolean_at, duration_at, items};
use crate::diagnostic::Problems;
use crate::expression::Names;
use crate::shape::{Record, Shape, open, optional};
use crate::yaml::Node;

/// One rule, or a list of which the first whose condition holds counts.
pub(super) const SLA: Shape = Shape::OneOrList(&Shape::Record(&RULE));

static RULE: Record = open(
    "sla",
    "How long an item may stay in the state.",
    &[
        optional("condition", CONDITIONS, "In a list: for which items the rule is; the first rule that fits counts."),
        optional("conditions", CONDITIONS, "The same as condition."),
        optional("default", Shape::Boolean, "In a list: the rule for all other items."),
        optional("warning", Shape::Duration, "After how long people are warned."),
        optional("breach", Shape::Duration, "After how long the item has been there too long."),
        optional("business_hours", Shape::Boolean, "Whether only business hours count; false where nothing is given."),
        optional("pause_on_state", Shape::Any, "Whether the time stands still while an item is in the state."),
        optional("on_warning", ACTIONS, "What is done at the warning."),
        optional("on_breach", ACTIONS, "What is done at the breach."),
    ],
);

/// How long an item may stay in a state.
#[derive(Debug, Clone, PartialEq)]
pub struct SlaRule {
    /// For which items it is; the first rule of a state whose condition holds counts.
    pub condition: Condition,
    /// After how long people are warned.
    pub warning: Option<Duration>,
    /// After how long the item has been there too long.
    pub breach: Option<Duration>,
    /// Whether only business hours count.
    pub business_hours: bool,
    /// Whether the time stands still while an item is in the state.
    pub paused: bool,
    /// What is done at the warning.
    pub on_warning: Vec<ActionDefinition>,
    /// What is done at the breach.
    pub on_breach: Vec<ActionDefinition>,
}

impl SlaRule {
    /// Reads the rules of a state; the actions of `on_sla_warning` and `on_sla_breach`, the state's own keys in the
    /// short dialect, are those of every rule.
    pub(super) fn decode_all(state: &Node, names: &Names<'_>, problems: &mut Problems<'_>) -> Vec<Self> {
        let mut rules: Vec<Self> =
            items(state.get("sla")).iter().map(|node| Self::decode(node, names, problems)).collect();
        let on_warning = ActionDefinition::decode_list(state.get("on_sla_warning"), names, problems);
        let on_breach = ActionDefinition::decode_list(state.get("on_sla_breach"), names, problems);
        for rule in &mut rules {
            rule.on_warning.extend(on_warning.iter().cloned());
            rule.on_breach.extend(on_breach.iter().cloned());
        }
        rules
    }

    fn decode(node: &Node, names: &Names<'_>, problems: &mut Problems<'_>) -> Self {
        let condition = match boolean_at(node, "default") {
            Some(true) => Condition::always(),
            _ => Condition::decode(node.get("condition").or_else(|| node.get("conditions")), problems),
        };
        Self {
            condition,
            warning: duration_at(node, "warning"),
            breach: duration_at(node, "breach"),
            business_hours: boolean_at(node, "business_hours").unwrap_or_default(),
            paused: boolean_at(node, "pause_on_state").unwrap_or_default(),
            on_warning: ActionDefinition::decode_list(node.get("on_warning"), names, problems),
            on_breach: ActionDefinition::decode_list(node.get("on_breach"), names, problems),
        }
    }
}
