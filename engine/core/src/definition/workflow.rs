//! `workflows/<id>.yaml`: a state machine that items live in.
//!
//! Kiket's dialect in its three generations, with our own keys on transitions. What is missing where the machine still
//! means something is filled in; only what leaves it without meaning is an error.

use super::action::{self, ActionDefinition};
use super::checklist::Checklist;
use super::guard::GuardDefinition;
use super::hook::{self, HookDefinition};
use super::stage::{CallDefinition, StageDefinition};
use super::state::{self, STATES, StateDefinition, StateKind};
use super::transition::{self, TransitionDefinition};
use super::workflow_check;
use crate::decode::{Located, boolean_at, entries, items, scalar_at};
use crate::diagnostic::{Code, Problems};
use crate::expression::Names;
use crate::shape::{IdRule, Record, Shape, checked, open, optional, required};
use crate::yaml::{Node, Value};

/// Most states of one workflow.
pub const MAX_STATES: usize = 200;
/// Most transitions of one workflow; one that leaves several states counts as several.
pub const MAX_TRANSITIONS: usize = 2_000;

/// A workflow file.
pub(super) static FILE: Record = open(
    "a workflow file",
    "A workflow: a state machine that items live in.",
    &[
        optional("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        optional("workflow", Shape::Either(&[Shape::Text, Shape::Record(&HEAD)]), "What the workflow is."),
        optional("process", Shape::Record(&HEAD), "What the workflow is, in the third dialect."),
        optional("id", Shape::Id(IdRule::Definition), "The id, in the short dialect."),
        optional("key", Shape::Id(IdRule::Definition), "The id, in the short dialect."),
        optional("name", Shape::Scalar, "Name for people, in the short dialect."),
        optional("version", Shape::Scalar, "Version, in the short dialect."),
        optional("description", Shape::Scalar, "What it is for, in the short dialect."),
        optional("initial_state", Shape::Text, "The state that items begin in, in the short dialect."),
        required("states", STATES, "The states."),
        required("transitions", Shape::List(&Shape::Record(&transition::TRANSITION)), "The ways between them."),
        checked("hooks", hook::HOOKS, "Actions that events start."),
        checked("automations", hook::HOOKS, "Actions that events start."),
    ],
);

static HEAD: Record = open(
    "the workflow",
    "What a workflow is.",
    &[
        optional(
            "id",
            Shape::Id(IdRule::Definition),
            "The id; the name of the file without its ending where none is given.",
        ),
        optional("key", Shape::Id(IdRule::Definition), "The same as id."),
        optional("name", Shape::Scalar, "Name for people; the id where none is given."),
        optional("version", Shape::Scalar, "Semantic version; 1.0.0 where none is given."),
        optional("description", Shape::Scalar, "What it is for."),
        optional("override", Shape::Boolean, "Whether it takes the place of an inherited workflow."),
        optional(
            "initial_state",
            Shape::Text,
            "The state that items begin in; the first initial one where none is given.",
        ),
    ],
);

/// A workflow as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowDefinition {
    /// The id, and where it stands.
    pub id: Located<String>,
    /// Name for people; the id where none is given.
    pub name: String,
    /// Semantic version, in the writer's words.
    pub version: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it takes the place of an inherited workflow.
    pub is_override: bool,
    /// The states, in the order of the file.
    pub states: Vec<StateDefinition>,
    /// The transitions, in the order of the file.
    pub transitions: Vec<TransitionDefinition>,
    /// The state that items begin in, and where it is named: the one that the workflow names, else the first initial
    /// one, else the first one. There is none only where there are no states.
    pub initial: Option<Located<String>>,
    /// Actions that events start.
    pub hooks: Vec<HookDefinition>,
    /// Actions that events start, with ids.
    pub automations: Vec<HookDefinition>,
}

/// Where the keys of a workflow's head stand: under `workflow`, under `process` or in the file itself.
struct Head<'n>([Option<&'n Node>; 3]);

impl<'n> Head<'n> {
    fn of(node: &'n Node) -> Self {
        let section = |key: &str| node.get(key).filter(|node| matches!(node.value, Value::Mapping(_)));
        Self([section("workflow"), section("process"), Some(node)])
    }

    fn text(&self, key: &str) -> Option<Located<String>> {
        self.0.iter().flatten().find_map(|node| Located::text(node.get(key)?))
    }

    fn scalar(&self, key: &str) -> Option<String> {
        self.0.iter().flatten().find_map(|node| scalar_at(node, key))
    }
}

impl WorkflowDefinition {
    pub(super) fn decode(node: &Node, path: &str, problems: &mut Problems<'_>) -> Option<Self> {
        FILE.check(node, problems);
        let listed = state::listed(node.get("states"));
        let count =
            items(node.get("transitions")).iter().map(|node| items(node.get("from")).len().max(1)).sum::<usize>();
        for (found, most, what) in [(listed.len(), MAX_STATES, "states"), (count, MAX_TRANSITIONS, "transitions")] {
            if found > most {
                let place = entries(Some(node)).find(|(key, _)| key.text == what).map(|(key, _)| key.span);
                let message = format!("{found} {what}, and a workflow has at most {most}");
                problems.report(Code::Budget, place.unwrap_or(node.span), message);
                return None;
            }
        }
        let head = Head::of(node);
        let stem = path.rsplit('/').next().and_then(|file| file.rsplit_once('.')).map_or(path, |(stem, _)| stem);
        let id = head.text("id").or_else(|| head.text("key")).unwrap_or_else(|| {
            let span = entries(Some(node)).next().map_or(node.span, |(key, _)| key.span);
            if !IdRule::Definition.allows(stem) {
                let message = format!("the name of the file, \"{stem:.80}\", cannot be the id of a workflow");
                problems.report_with_hint(Code::InvalidId, span, message, IdRule::Definition.hint());
            }
            Located { value: stem.to_owned(), span }
        });
        let names = Names::of(&action::NAMES);
        let named = head.text("initial_state");
        let decode = |(id, node): (Located<String>, &Node)| {
            let is_initial = named.as_ref().is_some_and(|named| named.value == id.value);
            StateDefinition::decode(id, node, is_initial, &names, problems)
        };
        let states: Vec<StateDefinition> = listed.into_iter().map(decode).collect();
        let ways = items(node.get("transitions"));
        let decode = |node| TransitionDefinition::decode(node, &names, problems);
        let transitions: Vec<TransitionDefinition> = ways.iter().filter_map(decode).collect();
        // Of a graph with parts that could not be read nothing can be said as a whole.
        let is_whole = !states.is_empty() && transitions.len() == ways.len();
        let first = states.iter().find(|state| state.kind == StateKind::Initial).or(states.first());
        let workflow = Self {
            name: head.scalar("name").unwrap_or_else(|| id.value.clone()),
            version: head.scalar("version").unwrap_or_else(|| "1.0.0".to_owned()),
            description: head.scalar("description"),
            is_override: node.get("workflow").and_then(|node| boolean_at(node, "override")).unwrap_or_default(),
            initial: named.or_else(|| first.map(|state| state.id.clone())),
            hooks: HookDefinition::decode_all(node.get("hooks"), &names, problems),
            automations: HookDefinition::decode_all(node.get("automations"), &names, problems),
            states,
            transitions,
            id,
        };
        workflow_check::check(&workflow, is_whole, problems);
        Some(workflow)
    }

    /// Returns the state of an id.
    #[must_use]
    pub fn state(&self, id: &str) -> Option<&StateDefinition> {
        self.states.iter().find(|state| state.id.value == id)
    }

    /// Returns the transitions that leave a state, in the order of the file.
    pub fn transitions_from(&self, state: &str) -> impl Iterator<Item = &TransitionDefinition> {
        self.transitions.iter().filter(move |transition| transition.from.iter().any(|from| from.value == state))
    }

    /// Returns the checklist of an id, wherever it is declared.
    #[must_use]
    pub fn checklist(&self, id: &str) -> Option<&Checklist> {
        self.checklists().find(|checklist| checklist.id.value == id)
    }

    /// Returns all checklists, in the order of the states.
    pub fn checklists(&self) -> impl Iterator<Item = &Checklist> {
        self.states.iter().filter_map(|state| state.checklist.as_ref())
    }

    /// Returns all actions: those of states, of transitions and of hooks.
    pub fn actions(&self) -> impl Iterator<Item = &ActionDefinition> {
        let states = self.states.iter().flat_map(StateDefinition::actions);
        let transitions = self.transitions.iter().flat_map(TransitionDefinition::all_actions);
        let hooks = self.hooks.iter().chain(&self.automations).flat_map(|hook| &hook.actions);
        states.chain(transitions).chain(hooks)
    }

    /// Returns all calls of plugins: those of actions and those of guards.
    pub fn calls(&self) -> impl Iterator<Item = &CallDefinition> {
        let actions = self.actions().filter_map(ActionDefinition::stage).flat_map(StageDefinition::calls);
        let guards = self.transitions.iter().flat_map(|transition| &transition.guards);
        actions.chain(guards.filter_map(|guard| match guard {
            GuardDefinition::Uses(call) => Some(call.as_ref()),
            GuardDefinition::Extension { .. } => None,
        }))
    }
}
