//! `checklist:` of a state: what has to be done before a transition that asks for it.

use super::action::{ACTIONS, ActionDefinition};
use super::condition::{CONDITIONS, ChecklistState, Condition, Facts};
use super::words::Words;
use crate::decode::{Located, boolean_at, items, scalar_at};
use crate::diagnostic::Problems;
use crate::expression::Names;
use crate::shape::{Record, Shape, checked, open, optional};
use crate::yaml::Node;

pub(super) static CHECKLIST: Record = open(
    "checklist",
    "What has to be done before a transition that asks for it by a condition.",
    &[
        optional("id", Shape::Text, "The id that conditions name; the state's where none is given."),
        optional("title", Shape::Scalar, "Name for people; the id where none is given."),
        optional("required_mode", Shape::Scalar, "all: every required entry has to be done."),
        optional("items", Shape::List(&Shape::Either(&[Shape::Text, Shape::Record(&ITEM)])), "The entries."),
        checked("on_complete", ACTIONS, "What is done when the checklist is complete."),
    ],
);

static ITEM: Record = open(
    "checklist entry",
    "One entry of a checklist.",
    &[
        optional("id", Shape::Text, "The id; entry_0, entry_1 … where none is given."),
        optional("label", Shape::Scalar, "Text for people; the id where none is given."),
        optional("check_type", Shape::Scalar, "manual: a person ticks it; auto: its condition decides."),
        optional(
            "required",
            Shape::Boolean,
            "Whether the checklist is incomplete without it; true where nothing is given.",
        ),
        optional("condition", CONDITIONS, "What has to hold of the item, for auto."),
        optional("conditions", CONDITIONS, "The same as condition."),
    ],
);

/// What has to be done before a transition that asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Checklist {
    /// The id that conditions name, and where it stands.
    pub id: Located<String>,
    /// Name for people.
    pub title: String,
    /// The entries, in the order of the file.
    pub entries: Vec<ChecklistEntry>,
    /// What is done when it is complete.
    pub on_complete: Vec<ActionDefinition>,
}

/// One entry of a checklist.
#[derive(Debug, Clone, PartialEq)]
pub struct ChecklistEntry {
    /// The id, unique in the checklist where the writer made it so.
    pub id: String,
    /// Text for people.
    pub label: String,
    /// Who decides whether it is done.
    pub check: Check,
    /// Whether the checklist is incomplete without it.
    pub required: bool,
}

/// Who decides whether an entry is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// A person, who ticks it.
    Manual,
    /// The item: it is done while this holds.
    Auto(Condition),
}

static CHECKS: Words<bool> =
    Words { what: "a check_type", words: &[("manual", false), ("auto", true), ("automatic", true)] };
static MODES: Words<()> = Words { what: "a required_mode", words: &[("all", ())] };

impl Checklist {
    pub(super) fn decode(node: &Node, state: &Located<String>, names: &Names<'_>, problems: &mut Problems<'_>) -> Self {
        let id = node.get("id").and_then(Located::text);
        let id = id.unwrap_or_else(|| Located { value: state.value.clone(), span: node.span });
        let _ = MODES.read(node.get("required_mode"), problems);
        let entries = items(node.get("items")).iter().enumerate();
        let entries = entries.map(|(position, node)| ChecklistEntry::decode(position, node, problems)).collect();
        Self {
            title: scalar_at(node, "title").unwrap_or_else(|| id.value.clone()),
            entries,
            on_complete: ActionDefinition::decode_list(node.get("on_complete"), names, problems),
            id,
        }
    }

    /// Returns how the checklist stands; `ticked` tells whether a person has ticked the entry of an id.
    #[must_use]
    pub fn state(&self, ticked: &dyn Fn(&str) -> bool, facts: &dyn Facts) -> ChecklistState {
        let done = |entry: &&ChecklistEntry| match &entry.check {
            Check::Manual => ticked(&entry.id),
            Check::Auto(condition) => condition.holds(facts).is_ok(),
        };
        let open = self.entries.iter().filter(|entry| entry.required).filter(|entry| !done(entry));
        ChecklistState { title: self.title.clone(), open: open.map(|entry| entry.label.clone()).collect() }
    }
}

impl ChecklistEntry {
    fn decode(position: usize, node: &Node, problems: &mut Problems<'_>) -> Self {
        let id = scalar_at(node, "id").unwrap_or_else(|| format!("entry_{position}"));
        let auto = CHECKS.read(node.get("check_type"), problems).unwrap_or_default();
        let condition = node.get("condition").or_else(|| node.get("conditions"));
        let check = match condition {
            Some(condition) if auto => Check::Auto(Condition::decode(Some(condition), problems)),
            // Nothing could decide it, so a person has to.
            _ => Check::Manual,
        };
        Self {
            label: node.as_str().map(str::to_owned).or_else(|| scalar_at(node, "label")).unwrap_or_else(|| id.clone()),
            check,
            required: boolean_at(node, "required").unwrap_or(true),
            id,
        }
    }
}
