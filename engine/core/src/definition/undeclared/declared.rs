//! What the files of a project declare, as names.

use std::collections::{BTreeMap, BTreeSet};

use super::uses::{Noun, Use};
use crate::decode::entries;
use crate::definition::{Definition, TeamDefinition};
use crate::yaml::{Node, Value};

/// Everything that the files of a project declare, and what else is known to be there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declared {
    /// Roles.
    pub roles: BTreeSet<String>,
    /// People, as the files call them.
    pub members: BTreeSet<String>,
    /// Groups of people.
    pub groups: BTreeSet<String>,
    /// Workflows by their ids.
    pub workflows: BTreeMap<String, WorkflowNames>,
    /// Types of items.
    pub types: BTreeSet<String>,
    /// Agents that are installed.
    pub agents: BTreeSet<String>,
    /// Extensions that are installed or described.
    pub extensions: BTreeSet<String>,
    /// Names of values that the project sets.
    pub env: BTreeSet<String>,
    /// Names of secrets that the project sets.
    pub secrets: BTreeSet<String>,
}

/// What a workflow has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkflowNames {
    /// Its states.
    pub states: BTreeSet<String>,
    /// The names of its transitions.
    pub transitions: BTreeSet<String>,
}

impl Declared {
    /// Adds what a definition declares.
    pub fn add(&mut self, definition: &Definition) {
        match definition {
            Definition::Project(project) => {
                self.add_team(&project.team);
                self.env.extend(project.env.iter().cloned());
                self.secrets.extend(project.secrets.iter().cloned());
            }
            Definition::Team(team) => self.add_team(team),
            Definition::ItemTypes(types) => {
                self.types.extend(types.iter().map(|item_type| item_type.key.value.clone()))
            }
            Definition::Extension(extension) => _ = self.extensions.insert(extension.id.value.clone()),
            Definition::Pipeline(_)
            | Definition::Plugins(_)
            | Definition::Boards(_)
            | Definition::Automations(_)
            | Definition::Recipe(_)
            | Definition::Intake(_)
            | Definition::InboundEmail(_) => {}
        }
    }

    /// Adds a workflow by the tree of its file.
    pub fn add_workflow(&mut self, root: &Node) {
        let Some(id) = root.get("workflow").and_then(|head| head.get("id")).and_then(Node::as_str) else { return };
        let names = self.workflows.entry(id.to_owned()).or_default();
        names.states.extend(entries(root.get("states")).map(|(key, _)| key.text.clone()));
        if let Some(Node { value: Value::Sequence(transitions), .. }) = root.get("transitions") {
            let named = transitions.iter().filter_map(|node| node.get("name")?.as_str());
            names.transitions.extend(named.map(str::to_owned));
        }
    }

    fn add_team(&mut self, team: &TeamDefinition) {
        self.roles.extend(team.roles.iter().map(|role| role.name.value.clone()));
        self.members.extend(team.members.iter().map(|member| member.name.value.clone()));
        self.groups.extend(team.groups.iter().map(|group| group.name.value.clone()));
    }

    /// Returns the states of a workflow, or of all.
    pub(super) fn states(&self, workflow: Option<&str>) -> impl Iterator<Item = &String> {
        let chosen = self.workflows.iter().filter(move |(id, _)| workflow.is_none_or(|workflow| workflow == *id));
        chosen.flat_map(|(_, names)| &names.states)
    }

    /// Tells whether a name is declared, or whether nothing can be said about it.
    pub(super) fn knows(&self, found: &Use) -> bool {
        let Use { noun, name, workflow, any_case, .. } = found;
        let same = |known: &String| known == name || *any_case && known.eq_ignore_ascii_case(name);
        match noun {
            Noun::Role => self.roles.contains(name),
            Noun::Team => self.groups.contains(name) || self.roles.contains(name),
            Noun::Assignee => self.roles.contains(name) || self.members.contains(name) || self.groups.contains(name),
            Noun::Agent => self.agents.contains(name),
            Noun::Extension | Noun::Required => self.extensions.contains(name),
            Noun::Env => self.env.contains(name),
            Noun::Secret => self.secrets.contains(name),
            Noun::Workflow => self.workflows.contains_key(name),
            // That there is no such workflow is said where it is named.
            Noun::State | Noun::Target if workflow.as_ref().is_some_and(|id| !self.workflows.contains_key(id)) => true,
            Noun::State => self.states(workflow.as_deref()).any(same),
            Noun::Target => {
                self.states(workflow.as_deref()).any(same) || self.has_transition(workflow.as_deref(), name)
            }
            // Where no file says which types there are, any may be meant.
            Noun::Type => self.types.is_empty() || self.types.iter().any(same),
        }
    }

    fn has_transition(&self, workflow: Option<&str>, name: &str) -> bool {
        let mut chosen = self.workflows.iter().filter(|(id, _)| workflow.is_none_or(|workflow| workflow == *id));
        chosen.any(|(_, names)| names.transitions.contains(name))
    }
}
