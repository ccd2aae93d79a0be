//! `hooks:` and `automations:` of a workflow: actions that an event starts.

use super::action::{ACTIONS, ActionDefinition};
use super::condition::{CONDITIONS, Condition, Operator};
use crate::decode::{Located, entries, items};
use crate::diagnostic::{Code, Problems};
use crate::expression::Names;
use crate::shape::{Record, Shape, open, optional};
use crate::yaml::{Node, Value};

pub(super) const HOOKS: Shape = Shape::OneOrList(&Shape::Record(&HOOK));

static HOOK: Record = open(
    "hook",
    "Actions that an event starts.",
    &[
        optional("id", Shape::Scalar, "The id."),
        optional("name", Shape::Scalar, "Name for people."),
        optional("event", Shape::Text, "The event: issue.created, workflow.after_transition."),
        optional("on", Shape::Text, "The same as event, as automations write it."),
        optional("when", Shape::Any, "For which events: { to: production }, or conditions."),
        optional("conditions", CONDITIONS, "What has to hold of the item."),
        optional("run", ACTIONS, "What is done."),
        optional("actions", ACTIONS, "The same as run."),
    ],
);

/// Actions that an event starts.
#[derive(Debug, Clone, PartialEq)]
pub struct HookDefinition {
    /// The id, where it has one, and where that stands.
    pub id: Option<Located<String>>,
    /// The event as it was written, and where it stands: `case.created`, `workflow.after_transition`.
    pub event: Located<String>,
    /// For which events.
    pub condition: Condition,
    /// What is done, one after the other.
    pub actions: Vec<ActionDefinition>,
    /// All of it as it was written.
    pub node: Node,
}

impl HookDefinition {
    pub(super) fn decode_all(node: Option<&Node>, names: &Names<'_>, problems: &mut Problems<'_>) -> Vec<Self> {
        items(node).iter().filter_map(|node| Self::decode(node, names, problems)).collect()
    }

    fn decode(node: &Node, names: &Names<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let place = entries(Some(node)).next().map(|(key, _)| key.span)?;
        let Some(event) = node.get("event").or_else(|| node.get("on")).and_then(Located::text) else {
            problems.report_with_hint(
                Code::NotActedOnYet,
                place,
                "no event starts this",
                "write event: workflow.after_transition",
            );
            return None;
        };
        let mut conditions =
            vec![decode_when(node.get("when"), problems), Condition::decode(node.get("conditions"), problems)];
        conditions.retain(|condition| !condition.is_always());
        let actions = node.get("run").or_else(|| node.get("actions"));
        Some(Self {
            id: node.get("id").and_then(Located::text),
            event,
            condition: if conditions.len() == 1 { conditions.remove(0) } else { Condition::All(conditions) },
            actions: ActionDefinition::decode_list(actions, names, problems),
            node: node.clone(),
        })
    }
}

/// Reads `{to: production}`, which asks for the values of paths, or conditions as they stand elsewhere.
fn decode_when(node: Option<&Node>, problems: &mut Problems<'_>) -> Condition {
    let Some(Node { value: Value::Mapping(entries), .. }) = node else { return Condition::decode(node, problems) };
    if entries.iter().any(|(key, _)| ["all", "any", "field", "checklist"].contains(&key.text.as_str())) {
        return Condition::decode(node, problems);
    }
    let compare = |(key, node): &(crate::yaml::Key, Node)| {
        let path = match key.text.as_str() {
            "to" => "to_state",
            "from" => "from_state",
            other => other,
        };
        let operator = if matches!(node.value, Value::Sequence(_)) { Operator::In } else { Operator::Equals };
        let path = Located { value: path.to_owned(), span: key.span };
        Condition::Compare { path, operator, value: node.to_json() }
    };
    Condition::All(entries.iter().map(compare).collect())
}
