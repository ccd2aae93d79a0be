//! One transition of a workflow: from which states, what has to hold and who has to agree, and what happens with it.

use super::action::{ACTIONS, ActionDefinition, ActionsDefinition, TRANSITION_ACTIONS};
use super::chain::{self, ApprovalChain, REQUIRED, RequiredApproval};
use super::condition::{CONDITIONS, Condition};
use super::guard::{GUARDS, GuardDefinition};
use crate::decode::{Located, boolean_at, scalar_at, texts};
use crate::diagnostic::Problems;
use crate::expression::{Expression, Names, parse_condition};
use crate::shape::{Record, Shape, checked, open, optional, required};
use crate::yaml::Node;

pub(super) static TRANSITION: Record = open(
    "transition",
    "A way from a state to another one.",
    &[
        required("from", Shape::OneOrList(&Shape::Text), "The state that an item leaves, or several."),
        required("to", Shape::Text, "The state that an item enters."),
        optional(
            "name",
            Shape::Scalar,
            "Name for people and for the API; the state that it leads to where none is given.",
        ),
        optional("description", Shape::Scalar, "What it means to take it."),
        optional("conditions", CONDITIONS, "What has to hold of the item."),
        optional("condition", CONDITIONS, "The same as conditions."),
        optional("metadata", Shape::Record(&METADATA), "What else it asks for."),
        optional("requires_fields", Shape::OneOrList(&Shape::Text), "Fields that have to be set."),
        optional("requires", Shape::Record(&REQUIRES), "What it asks for, in the short dialect."),
        optional("rejection", Shape::Boolean, "Whether it is a rejection, which needs no approval of the state."),
        optional("when", Shape::Condition, "A condition in CEL over item, actor, project, env, event and transition."),
        optional("guards", GUARDS, "Plugins that are asked whether it may be taken."),
        optional("require_approval", REQUIRED, "Who has to agree."),
        optional("approval_required", Shape::Boolean, "Whether somebody has to agree who may approve."),
        optional("approval_chain", Shape::Record(&chain::CHAIN), "Who has to agree, level by level."),
        optional(
            "actions",
            TRANSITION_ACTIONS,
            "What is done: a list in order, or a mapping of stages that wait for their needs.",
        ),
        optional(
            "wait",
            Shape::Boolean,
            "Whether the state changes only when the actions have succeeded; false where nothing is given.",
        ),
        optional("on_success", ACTIONS, "What is done when it has been taken."),
        optional("on_failure", ACTIONS, "What is done when a waiting action failed and the state stays as it was."),
        checked("comment_required", Shape::Boolean, "Whether a comment is needed."),
    ],
);

static METADATA: Record = open(
    "transition metadata",
    "What else a transition asks for.",
    &[
        optional("requires_fields", Shape::OneOrList(&Shape::Text), "Fields that have to be set."),
        optional("rejection", Shape::Boolean, "Whether it is a rejection, which needs no approval of the state."),
    ],
);

static REQUIRES: Record = open(
    "transition requirements",
    "What a transition asks for, in the short dialect.",
    &[
        optional("fields", Shape::OneOrList(&Shape::Text), "Fields that have to be set."),
        optional("predicate", Shape::Text, "What has to hold: priority == 'high'."),
    ],
);

/// The names that the condition of a transition can use.
pub(super) const NAMES: [&str; 6] = ["item", "actor", "project", "env", "event", "transition"];

/// A way from a state to another one.
#[derive(Debug, Clone, PartialEq)]
pub struct TransitionDefinition {
    /// The states that an item leaves, and where they are named; at least one.
    pub from: Vec<Located<String>>,
    /// The state that an item enters, and where it is named.
    pub to: Located<String>,
    /// Name for people and for the API; `to` where none is given.
    pub name: Located<String>,
    /// What it means to take it.
    pub description: Option<String>,
    /// What has to hold of the item.
    pub conditions: Condition,
    /// Fields that have to be set, as they were written.
    pub requires_fields: Vec<Located<String>>,
    /// Whether it is a rejection, which needs no approval of the state.
    pub rejection: bool,
    /// A condition over [`item`, `actor`, `project`, `env`, `event` and `transition`](Expression).
    pub when: Option<Expression>,
    /// Plugins that are asked whether it may be taken.
    pub guards: Vec<GuardDefinition>,
    /// Who has to agree; every one of them.
    pub require_approval: Vec<RequiredApproval>,
    /// Who has to agree, level by level.
    pub approval_chain: Option<ApprovalChain>,
    /// What is done.
    pub actions: ActionsDefinition,
    /// Whether the state changes only when the actions have succeeded.
    pub wait: bool,
    /// What is done when it has been taken.
    pub on_success: Vec<ActionDefinition>,
    /// What is done when a waiting action failed and the state stays as it was.
    pub on_failure: Vec<ActionDefinition>,
}

impl TransitionDefinition {
    /// Reads a transition whose shape was checked; `None` without `from` or `to`. `names` are those of actions.
    pub(super) fn decode(node: &Node, names: &Names<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let from = texts(node.get("from"));
        let to = node.get("to").and_then(Located::text)?;
        if from.is_empty() {
            return None;
        }
        let name = node.get("name").zip(scalar_at(node, "name"));
        let name = name.map_or_else(|| to.clone(), |(node, value)| Located { value, span: node.span });
        let metadata = |key: &str| node.get("metadata").and_then(|metadata| metadata.get(key));
        let mut requires_fields = texts(metadata("requires_fields"));
        requires_fields.extend(texts(node.get("requires_fields")));
        requires_fields.extend(texts(node.get("requires").and_then(|requires| requires.get("fields"))));
        let mut require_approval = RequiredApproval::decode_all(node.get("require_approval"), problems);
        if boolean_at(node, "approval_required") == Some(true) {
            require_approval.push(RequiredApproval::anybody());
        }
        let rejection = node.get("metadata").and_then(|metadata| boolean_at(metadata, "rejection"));
        let mut actions = |key: &str| ActionDefinition::decode_list(node.get(key), names, problems);
        let (on_success, on_failure) = (actions("on_success"), actions("on_failure"));
        let own = Names::of(&NAMES);
        Some(Self {
            from,
            to,
            name,
            description: scalar_at(node, "description"),
            conditions: decode_conditions(node, problems),
            requires_fields,
            rejection: rejection.or(boolean_at(node, "rejection")).unwrap_or_default(),
            when: node.get("when").and_then(|node| parse_condition(node, &own, problems)),
            guards: GuardDefinition::decode_all(node.get("guards"), &own, problems),
            require_approval,
            approval_chain: node.get("approval_chain").map(|node| ApprovalChain::decode(node, problems)),
            actions: ActionsDefinition::decode(node.get("actions"), names, problems),
            wait: boolean_at(node, "wait").unwrap_or_default(),
            on_success,
            on_failure,
        })
    }

    /// Tells whether it asks for anything that another transition need not ask for.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        !self.conditions.is_always()
            || self.when.is_some()
            || !self.guards.is_empty()
            || !self.requires_fields.is_empty()
    }

    /// Returns its actions: those that belong to it first, then those for how it ended.
    pub fn all_actions(&self) -> impl Iterator<Item = &ActionDefinition> {
        let own = self.actions.actions.iter().map(|(_, action)| action);
        own.chain(&self.on_success).chain(&self.on_failure)
    }
}

/// Reads `conditions`, and the predicate of the short dialect.
fn decode_conditions(node: &Node, problems: &mut Problems<'_>) -> Condition {
    let mut parts =
        vec![Condition::decode(node.get("conditions"), problems), Condition::decode(node.get("condition"), problems)];
    let predicate = node.get("requires").and_then(|requires| requires.get("predicate")).and_then(Located::text);
    parts.extend(predicate.map(|predicate| Condition::parse_predicate(&predicate, problems)));
    parts.retain(|condition| !condition.is_always());
    if parts.len() == 1 { parts.remove(0) } else { Condition::All(parts) }
}
