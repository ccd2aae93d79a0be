//! A revision: everything a project's definitions mean at one commit. It publishes whole or not at all.
//!
//! Definitions come from four levels. Of two with one kind and one id the higher level's counts, whole; what it
//! replaces is not compiled, and nothing is said of it.

mod choose;
mod compile;
mod pins;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::definition::{Definition, ItemTypeDefinition, Kind, ProjectDefinition, Triggers};
use crate::diagnostic::{Problems, Span};
use crate::grants::PluginGrants;
use crate::machine::{Machine, compile_workflow};
use crate::plan::{Plan, Surroundings, compile_pipeline};
use crate::run::Queued;
use crate::source::{Level, Origin};

pub use compile::{compile, component_paths, lock, rebuild};

/// Compiled definitions.
#[derive(Debug, Default)]
pub struct Revision {
    plans: BTreeMap<String, Arc<Plan>>,
    /// What transitions do in the world, by names that no pipeline can have.
    step_plans: BTreeMap<String, Arc<Plan>>,
    machines: BTreeMap<String, Arc<Machine>>,
    types: Vec<Arc<ItemTypeDefinition>>,
    project: Option<Arc<ProjectDefinition>>,
    grants: BTreeMap<String, Arc<PluginGrants>>,
    provenance: Vec<Provenance>,
    commit: Option<String>,
}

/// Where a definition comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// What kind it is.
    pub kind: Kind,
    /// Its id; empty for a kind that a project has one of.
    pub id: String,
    /// Path of its file.
    pub path: String,
    /// Line of its file, counted from 1.
    pub line: u32,
    /// Level, repository, branch and commit.
    pub origin: Origin,
    /// The levels of those that it replaces, the strongest first.
    pub replaces: Vec<Level>,
}

impl Revision {
    /// Returns the plan of a run: a pipeline's, or that of a transition's steps.
    #[must_use]
    pub fn plan(&self, name: &str) -> Option<&Arc<Plan>> {
        self.plans.get(name).or_else(|| self.step_plans.get(name))
    }

    /// Returns the plan of a run: behind a gate where its commit is a stranger's.
    #[must_use]
    pub fn plan_of(&self, queued: &Queued) -> Option<Arc<Plan>> {
        let plan = self.plan(&queued.pipeline)?;
        Some(if queued.stranger { Arc::new(plan.gated()) } else { Arc::clone(plan) })
    }

    /// Returns the plan of a pipeline.
    #[must_use]
    pub fn pipeline(&self, id: &str) -> Option<&Arc<Plan>> {
        self.plans.get(id)
    }

    /// Returns the plans of all pipelines in the order of their ids.
    pub fn pipelines(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.plans.values()
    }

    /// Returns a workflow.
    #[must_use]
    pub fn machine(&self, workflow: &str) -> Option<&Arc<Machine>> {
        self.machines.get(workflow)
    }

    /// Returns all workflows in the order of their ids.
    pub fn machines(&self) -> impl Iterator<Item = &Arc<Machine>> {
        self.machines.values()
    }

    /// Returns the workflow that items of a type live in: the one that the type names, else the project's first by id
    /// (those of the project's own repository before those of weaker levels).
    #[must_use]
    pub fn machine_for(&self, kind: &str) -> Option<&Arc<Machine>> {
        let named = self.item_type(kind).and_then(|kind| kind.workflow.as_ref());
        let own = self.provenance.iter().filter(|found| found.kind == Kind::Workflow);
        let first = own.max_by_key(|found| (found.origin.level, std::cmp::Reverse(found.id.clone())));
        named
            .and_then(|named| self.machines.get(&named.value))
            .or_else(|| first.and_then(|first| self.machines.get(&first.id)))
    }

    /// Returns the type of that key.
    #[must_use]
    pub fn item_type(&self, key: &str) -> Option<&ItemTypeDefinition> {
        self.types.iter().find(|kind| kind.key.value == key).map(Arc::as_ref)
    }

    /// Returns the types that items can have, in the order of the file.
    pub fn item_types(&self) -> impl Iterator<Item = &ItemTypeDefinition> {
        self.types.iter().filter(|kind| kind.active).map(Arc::as_ref)
    }

    /// Returns what the keys of the project's items begin with: its own key, or its name in capitals.
    #[must_use]
    pub fn project_key(&self, name: &str) -> String {
        let own = self.project.as_ref().and_then(|project| project.key.as_ref());
        own.map_or_else(|| name.to_ascii_uppercase(), |key| key.value.clone())
    }

    /// Returns where the project's own key stands: the path of its file, and the place in it.
    #[must_use]
    pub fn key_place(&self) -> Option<(&str, Span)> {
        let key = self.project.as_ref()?.key.as_ref()?;
        let file = self.provenance.iter().find(|found| found.kind == Kind::Project)?;
        Some((&file.path, key.span))
    }

    /// Returns what a plugin may do, by its name in `uses:`: its built-in grants with those of `plugins.yaml` over them.
    /// Without an entry it may do nothing.
    #[must_use]
    pub fn grants(&self, plugin: &str) -> Option<&Arc<PluginGrants>> {
        self.grants.get(plugin)
    }

    /// Returns where every definition comes from, by kind and id.
    #[must_use]
    pub fn provenance(&self) -> &[Provenance] {
        &self.provenance
    }

    /// Returns the commit of the project's own repository.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        self.commit.as_deref()
    }
}

impl Revision {
    fn add(
        &mut self,
        definition: &Definition,
        level: Level,
        surroundings: Surroundings<'_>,
        problems: &mut Problems<'_>,
    ) {
        match definition {
            Definition::Pipeline(pipeline) => {
                surroundings.check_asks(definition.calls().into_iter(), problems);
                if let Some(mut plan) = compile_pipeline(pipeline, surroundings, problems) {
                    if level < Level::Project {
                        // What a whole organisation shares starts nothing by itself.
                        plan.on = Triggers::default();
                    }
                    self.plans.insert(pipeline.id.value.clone(), Arc::new(plan));
                }
            }
            Definition::Workflow(workflow) => {
                surroundings.check_asks(definition.calls().into_iter(), problems);
                if let Some((machine, plans)) = compile_workflow(workflow, surroundings, problems) {
                    self.step_plans.extend(plans.into_iter().map(|plan| (plan.pipeline.clone(), Arc::new(plan))));
                    self.machines.insert(workflow.id.value.clone(), Arc::new(machine));
                }
            }
            Definition::ItemTypes(types) => self.types = types.iter().cloned().map(Arc::new).collect(),
            Definition::Project(project) => self.project = Some(Arc::new((**project).clone())),
            _ => {}
        }
    }
}
