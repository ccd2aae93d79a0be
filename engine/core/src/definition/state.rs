//! One state of a workflow: what it is, how long an item may stay in it and what happens on the way in and out.

mod approval;
mod record;

use super::action::ActionDefinition;
use super::checklist::Checklist;
use super::condition::Condition;
use super::sla::SlaRule;
use super::words::Words;
use crate::decode::{Located, entries, number_at, scalar_at};
use crate::diagnostic::Problems;
use crate::expression::Names;
use crate::yaml::{Node, Value};

pub use approval::StateApproval;
pub(super) use record::STATES;

/// One state of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct StateDefinition {
    /// The id, and where it stands.
    pub id: Located<String>,
    /// What part it plays.
    pub kind: StateKind,
    /// What it counts as: `pending`, `active`, `review`, `completed`, `blocked`, or the writer's own word.
    pub category: Option<String>,
    /// Name for people; the id where none is given.
    pub label: String,
    /// Color, in the writer's word.
    pub color: Option<String>,
    /// Icon: a name or a sign.
    pub icon: Option<String>,
    /// What it means that an item is in the state.
    pub description: Option<String>,
    /// How many items may be in the state, at least 1.
    pub wip_limit: Option<u32>,
    /// How long an item may stay; the first rule whose condition holds counts.
    pub sla: Vec<SlaRule>,
    /// Who has to agree before an item leaves the state, except by a rejection.
    pub approval: Option<StateApproval>,
    /// What has to be done where a transition asks for it.
    pub checklist: Option<Checklist>,
    /// What is done when an item enters the state.
    pub on_enter: Vec<ActionDefinition>,
    /// What is done when an item leaves the state.
    pub on_exit: Vec<ActionDefinition>,
    /// What is done when the state's work is complete.
    pub on_complete: Vec<ActionDefinition>,
    /// What has to hold of an item that enters the state.
    pub conditions: Condition,
}

/// What part a state plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKind {
    /// Items begin here.
    Initial,
    /// Work is under way.
    Active,
    /// Work is over.
    Final,
    /// Items wait here for people to let them through.
    Gateway,
}

/// The types that the visual editor has besides (action, condition, loop …) count as active.
static KINDS: Words<StateKind> = Words {
    what: "a type of state",
    words: &[
        ("active", StateKind::Active),
        ("initial", StateKind::Initial),
        ("final", StateKind::Final),
        ("gateway", StateKind::Gateway),
        ("trigger", StateKind::Initial),
        ("approval", StateKind::Gateway),
    ],
};

impl StateKind {
    /// Returns the kind as it is written everywhere.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Active => "active",
            Self::Final => "final",
            Self::Gateway => "gateway",
        }
    }
}

/// Returns the states of a workflow with their ids, whichever form they are written in.
pub(super) fn listed(node: Option<&Node>) -> Vec<(Located<String>, &Node)> {
    let parts = match node {
        Some(Node { value: Value::Sequence(items), .. }) => items.as_slice(),
        _ => return entries(node).map(|(key, node)| (Located::key(key), node)).collect(),
    };
    let mut found = Vec::new();
    for part in parts {
        match own_id(part) {
            Some(id) => found.push((id, part)),
            None => found.extend(entries(Some(part)).map(|(key, node)| (Located::key(key), node))),
        }
    }
    found
}

/// Returns the id that an entry of a list has of its own.
fn own_id(node: &Node) -> Option<Located<String>> {
    Located::text(node).or_else(|| node.get("id").or_else(|| node.get("key")).and_then(Located::text))
}

impl StateDefinition {
    /// Reads a state whose shape was checked; `is_initial` says that the workflow names it as its initial state.
    pub(super) fn decode(
        id: Located<String>,
        node: &Node,
        is_initial: bool,
        names: &Names<'_>,
        problems: &mut Problems<'_>,
    ) -> Self {
        // The short dialect says by the category what the others say by the type.
        let category = scalar_at(node, "category");
        let by_category = match category.as_deref() {
            Some("initial") => Some((StateKind::Initial, "pending")),
            Some("final") => Some((StateKind::Final, "completed")),
            _ => None,
        };
        let kind = KINDS.read(node.get("type"), problems).or(by_category.map(|(kind, _)| kind));
        let kind = kind.unwrap_or(if is_initial { StateKind::Initial } else { StateKind::Active });
        let category = by_category.map(|(_, category)| category.to_owned()).or(category);
        let look = |key: &str| {
            let inner = node.get("metadata").and_then(|metadata| scalar_at(metadata, key));
            inner.or_else(|| scalar_at(node, key))
        };
        let mut actions = |key: &str| ActionDefinition::decode_list(node.get(key), names, problems);
        let (on_enter, on_exit, on_complete) = (actions("on_enter"), actions("on_exit"), actions("on_complete"));
        Self {
            kind,
            category,
            label: look("label").or_else(|| scalar_at(node, "name")).unwrap_or_else(|| id.value.clone()),
            color: look("color"),
            icon: look("icon"),
            description: look("description"),
            wip_limit: number_at(node, "wip_limit"),
            sla: SlaRule::decode_all(node, names, problems),
            approval: StateApproval::decode(node, problems),
            checklist: node.get("checklist").map(|node| Checklist::decode(node, &id, names, problems)),
            on_enter,
            on_exit,
            on_complete,
            conditions: Condition::decode(node.get("conditions"), problems),
            id,
        }
    }

    /// Returns the actions of the state in the order of the file's keys, those of its time limits and of its checklist
    /// included.
    pub fn actions(&self) -> impl Iterator<Item = &ActionDefinition> {
        let own = self.on_enter.iter().chain(&self.on_exit).chain(&self.on_complete);
        let sla = self.sla.iter().flat_map(|rule| rule.on_warning.iter().chain(&rule.on_breach));
        own.chain(sla).chain(self.checklist.iter().flat_map(|checklist| &checklist.on_complete))
    }
}
