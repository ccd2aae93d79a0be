//! What the files of a project declare, as names.

use std::collections::{BTreeMap, BTreeSet};

use super::uses::{Noun, Use};
use crate::definition::{Definition, Parsed, TeamDefinition};

/// Everything that the files of a project declare, and what else is known to be there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declared {
    /// Roles.
    pub roles: BTreeSet<String>,
    /// People, as the files call them.
    pub members: BTreeSet<String>,
    /// Groups of people.
    pub groups: BTreeSet<String>,
    /// Extensions that are installed or described.
    pub extensions: BTreeSet<String>,
    /// Names of values that the project sets.
    pub env: BTreeSet<String>,
    /// Names of secrets that the project sets.
    pub secrets: BTreeSet<String>,
    types: Spelled,
    workflows: BTreeMap<String, WorkflowNames>,
    /// What any workflow has.
    all: WorkflowNames,
}

/// What a workflow has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct WorkflowNames {
    states: Spelled,
    transitions: BTreeSet<String>,
}

/// Names that are found in any case as well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Spelled {
    names: BTreeSet<String>,
    lower: BTreeSet<String>,
}

impl Spelled {
    fn insert(&mut self, name: &str) {
        self.names.insert(name.to_owned());
        self.lower.insert(name.to_ascii_lowercase());
    }

    fn has(&self, name: &str, any_case: bool) -> bool {
        self.names.contains(name) || any_case && self.lower.contains(&name.to_ascii_lowercase())
    }
}

impl Declared {
    /// Returns what files together declare.
    pub fn of<'p>(parsed: impl IntoIterator<Item = &'p Parsed>) -> Self {
        let mut declared = Self::default();
        for parsed in parsed {
            parsed.definition.iter().for_each(|definition| declared.add(definition));
        }
        declared
    }

    /// Adds what a definition declares.
    pub fn add(&mut self, definition: &Definition) {
        match definition {
            Definition::Project(project) => {
                self.add_team(&project.team);
                self.env.extend(project.env.iter().cloned());
                self.secrets.extend(project.secrets.iter().cloned());
            }
            Definition::Team(team) => self.add_team(team),
            Definition::Workflow(workflow) => {
                let states = workflow.states.iter().map(|state| state.id.value.as_str());
                let transitions = workflow.transitions.iter().map(|transition| transition.name.value.as_str());
                self.add_workflow(&workflow.id.value, states, transitions);
            }
            Definition::ItemTypes(types) => types.iter().for_each(|item_type| self.types.insert(&item_type.key.value)),
            Definition::Extension(extension) => _ = self.extensions.insert(extension.id.value.clone()),
            Definition::Pipeline(_)
            | Definition::Plugins(_)
            | Definition::Lock(_)
            | Definition::Boards(_)
            | Definition::Automations(_)
            | Definition::Recipe(_)
            | Definition::Intake(_)
            | Definition::InboundEmail(_) => {}
        }
    }

    /// Adds a workflow with its states and the names of its transitions.
    pub fn add_workflow<'n>(
        &mut self,
        id: &str,
        states: impl IntoIterator<Item = &'n str>,
        transitions: impl IntoIterator<Item = &'n str>,
    ) {
        let names = self.workflows.entry(id.to_owned()).or_default();
        for state in states {
            names.states.insert(state);
            self.all.states.insert(state);
        }
        for transition in transitions {
            names.transitions.insert(transition.to_owned());
            self.all.transitions.insert(transition.to_owned());
        }
    }

    /// Returns the ids of all workflows.
    pub(super) fn workflows(&self) -> impl Iterator<Item = &String> {
        self.workflows.keys()
    }

    /// Returns all types.
    pub(super) fn types(&self) -> impl Iterator<Item = &String> {
        self.types.names.iter()
    }

    /// Returns the states of a workflow, or of all.
    pub(super) fn states(&self, workflow: Option<&str>) -> impl Iterator<Item = &String> {
        self.names(workflow).into_iter().flat_map(|names| &names.states.names)
    }

    fn names(&self, workflow: Option<&str>) -> Option<&WorkflowNames> {
        workflow.map_or(Some(&self.all), |id| self.workflows.get(id))
    }

    fn add_team(&mut self, team: &TeamDefinition) {
        self.roles.extend(team.roles.iter().map(|role| role.name.value.clone()));
        self.members.extend(team.members.iter().map(|member| member.name.value.clone()));
        self.groups.extend(team.groups.iter().map(|group| group.name.value.clone()));
    }

    /// Tells whether a name is declared, or whether nothing can be said about it.
    pub(super) fn knows(&self, found: &Use) -> bool {
        let Use { noun, name, workflow, any_case, .. } = found;
        match noun {
            Noun::Role => self.roles.contains(name),
            Noun::Team => self.groups.contains(name) || self.roles.contains(name),
            Noun::Assignee => self.roles.contains(name) || self.members.contains(name) || self.groups.contains(name),
            Noun::Extension => self.extensions.contains(name),
            Noun::Env => self.env.contains(name),
            Noun::Secret => self.secrets.contains(name),
            Noun::Workflow => self.workflows.contains_key(name),
            Noun::State | Noun::Target => match self.names(workflow.as_deref()) {
                Some(names) if *noun == Noun::Target && names.transitions.contains(name) => true,
                // That a workflow has no states is said where it stands.
                Some(names) => names.states.names.is_empty() || names.states.has(name, *any_case),
                // That there is no such workflow is said where it is named.
                None => true,
            },
            // Where no file says which types there are, any may be meant.
            // Items find their type in any case.
            Noun::Type => self.types.names.is_empty() || self.types.has(name, true),
        }
    }
}
