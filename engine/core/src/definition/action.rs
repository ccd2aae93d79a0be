//! Actions: what happens when a state is entered or left, a transition is taken or an automation starts.
//!
//! An action is either a stage of ours (`uses:`, `approval:`, `run:`) or one of Kiket's, in one of its forms:
//! `{action: notify, …}`, `{type: notify, …}`, `notify: {…}` or the name alone.

mod kiket;
mod parameters;
mod person;
mod read;
mod record;

use super::stage::{self, StageDefinition};
use crate::decode::{Located, entries, items};
use crate::diagnostic::Problems;
use crate::expression::Names;
use crate::shape::{IdRule, Keys, Shape};
use crate::yaml::{Key, Node, Value};

pub use kiket::{KiketAction, KiketActionDefinition, NoticeLevel};
pub use person::Person;

/// The names that expressions of a stage among actions can use.
pub(crate) const NAMES: [&str; 10] =
    ["item", "actor", "project", "env", "event", "transition", "stages", "git", "run", "attempt"];

/// Actions as a value: a list, or one alone.
pub(crate) const ACTIONS: Shape = Shape::OneOrList(&ACTION);

/// The actions of a transition: as everywhere, or a mapping of stages by their ids.
pub(super) const TRANSITION_ACTIONS: Shape = Shape::Either(&[
    Shape::Text,
    Shape::List(&ACTION),
    Shape::Tagged { keys: &["uses", "action", "type"], then: &ACTION, otherwise: &GRAPH },
]);

static ACTION: Shape = Shape::Either(&[
    Shape::Text,
    Shape::Tagged {
        keys: &["uses"],
        then: &STAGE,
        otherwise: &Shape::Tagged {
            keys: &["action", "type"],
            then: &KIKET,
            otherwise: &Shape::Tagged { keys: &["approval", "run"], then: &STAGE, otherwise: &SHORT },
        },
    },
]);

static STAGE: Shape = Shape::Record(&stage::STAGE);
static KIKET: Shape = Shape::Record(&record::ACTION);
static SHORT: Shape = Shape::Map(&Keys { name: "action", rule: None, required: true }, &Shape::Any);

static GRAPH: Shape = Shape::Map(
    &Keys { name: "stage", rule: Some(IdRule::Stage), required: true },
    &Shape::Tagged {
        keys: &["uses"],
        then: &STAGE,
        otherwise: &Shape::Tagged { keys: &["action", "type"], then: &KIKET, otherwise: &STAGE },
    },
);

/// One entry of a list of actions.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionDefinition {
    /// A stage of ours. In a list its id is made of its position: `step_0`.
    Stage(Box<StageDefinition>),
    /// One of Kiket's.
    Kiket(Box<KiketActionDefinition>),
}

/// The actions of a transition.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionsDefinition {
    /// The actions by their ids, in the order of the file. Those of a list are called `step_0`, `step_1` …
    pub actions: Vec<(Located<String>, ActionDefinition)>,
    /// Whether each waits for the one before it, as in a list. In a mapping each waits for its `needs`.
    pub in_order: bool,
}

impl ActionDefinition {
    /// Reads a list of actions whose shape was checked, or one alone. `names` are those of [`NAMES`] that there are
    /// where the actions stand. What kiket cannot do is warned of.
    pub(crate) fn decode_list(node: Option<&Node>, names: &Names<'_>, problems: &mut Problems<'_>) -> Vec<Self> {
        numbered(node, names, problems).into_iter().map(|(_, action)| action).collect()
    }

    /// Reads one action; `short` says whether it may be written as `notify: {…}`.
    fn decode(key: &Key, node: &Node, short: bool, names: &Names<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let has = |keys: &[&str]| keys.iter().any(|key| node.get(key).is_some());
        let is_kiket = !has(&["uses"]) && (has(&["action", "type"]) || short && !has(&["approval", "run"]));
        if is_kiket {
            KiketActionDefinition::decode(node, problems).map(Box::new).map(Self::Kiket)
        } else {
            StageDefinition::decode(key, node, names, problems).map(Box::new).map(Self::Stage)
        }
    }

    /// Returns the stage, where it is one of ours.
    #[must_use]
    pub fn stage(&self) -> Option<&StageDefinition> {
        match self {
            Self::Stage(stage) => Some(stage),
            Self::Kiket(_) => None,
        }
    }

    /// Returns the action, where it is one of Kiket's.
    #[must_use]
    pub fn kiket(&self) -> Option<&KiketActionDefinition> {
        match self {
            Self::Stage(_) => None,
            Self::Kiket(action) => Some(action),
        }
    }
}

impl ActionsDefinition {
    /// Reads the actions of a transition whose shape was checked.
    pub(crate) fn decode(node: Option<&Node>, names: &Names<'_>, problems: &mut Problems<'_>) -> Self {
        let is_graph = |node: &&Node| {
            matches!(node.value, Value::Mapping(_))
                && ["uses", "action", "type"].iter().all(|key| node.get(key).is_none())
        };
        let Some(graph) = node.filter(is_graph) else {
            let actions = numbered(node, names, problems);
            let actions = actions.into_iter().map(|(key, action)| (Located::key(&key), action)).collect();
            return Self { actions, in_order: true };
        };
        let ids = entries(Some(graph)).map(|(key, _)| key.text.as_str());
        let names = names.clone().with_members("stages", ids);
        let decode = |(key, node): (&Key, &Node)| {
            Some((Located::key(key), ActionDefinition::decode(key, node, false, &names, problems)?))
        };
        Self { actions: entries(Some(graph)).filter_map(decode).collect(), in_order: false }
    }

    /// Tells whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }
}

/// Reads a list of actions and gives each the id that its position makes.
fn numbered(node: Option<&Node>, names: &Names<'_>, problems: &mut Problems<'_>) -> Vec<(Key, ActionDefinition)> {
    let ids: Vec<String> = (0..items(node).len()).map(|position| format!("step_{position}")).collect();
    let names = names.clone().with_members("stages", ids.iter().map(String::as_str));
    let decode = |(node, id): (&Node, &String)| {
        let span = entries(Some(node)).next().map_or(node.span, |(key, _)| key.span);
        let key = Key { text: id.clone(), span };
        let action = ActionDefinition::decode(&key, node, true, &names, problems)?;
        Some((key, action))
    };
    items(node).iter().zip(&ids).filter_map(decode).collect()
}
