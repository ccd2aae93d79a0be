//! What a file can name and another one has to declare.

use crate::decode::Located;
use crate::diagnostic::Span;
use crate::yaml::{Node, Value};

/// What is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Noun {
    /// A role.
    Role,
    /// A group of people, or a role.
    Team,
    /// A user, or a role.
    Assignee,
    /// An extension that the project requires.
    Extension,
    /// A value that the project sets.
    Env,
    /// A secret that the project sets.
    Secret,
    /// A workflow.
    Workflow,
    /// A state.
    State,
    /// A state, or the name of a transition.
    Target,
    /// A type of items.
    Type,
}

impl Noun {
    /// Returns what stands for everything of which one name is warned of once.
    pub(super) fn class(self) -> Self {
        match self {
            Self::Team | Self::Assignee => Self::Role,
            Self::Target => Self::State,
            noun => noun,
        }
    }
}

/// A name at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) noun: Noun,
    pub(super) name: String,
    pub(super) span: Span,
    /// For a state: the workflow that has to have it; `None` where any may.
    pub(super) workflow: Option<String>,
    /// Whether it is compared without regard to case, as the values of conditions are.
    pub(super) any_case: bool,
}

impl Use {
    pub(super) fn of(noun: Noun, name: Located<String>) -> Self {
        Self { noun, name: name.value, span: name.span, workflow: None, any_case: false }
    }
}

/// Returns the name that a node is; a text that is computed is known only later.
pub(super) fn name(node: &Node) -> Option<Located<String>> {
    let text = Located::text(node)?;
    let plain = !text.value.trim().is_empty() && !text.value.contains("{{") && !text.value.contains("${");
    plain.then_some(text)
}

/// Returns the names of a list, or one alone.
pub(super) fn names(node: &Node) -> Vec<Located<String>> {
    match &node.value {
        Value::Sequence(items) => items.iter().filter_map(name).collect(),
        _ => name(node).into_iter().collect(),
    }
}
