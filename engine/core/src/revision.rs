//! A revision: everything a project's definitions mean at one commit. It publishes whole or not at all.
//!
//! Definitions come from four levels. Of two with one kind and one id the higher level's counts, whole; what it
//! replaces is not compiled, and nothing is said of it.

mod choose;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::definition::undeclared::{self, Declared};
use crate::definition::{
    self, ActionDefinition, CallDefinition, Definition, ItemTypeDefinition, Kind, PluginGrants, ProjectDefinition,
    StageDefinition, Triggers,
};
use crate::diagnostic::{Diagnostic, Problems, Severity};
use crate::machine::{Machine, compile_workflow};
use crate::plan::{Plan, Surroundings, compile_pipeline};
use crate::source::{Level, Origin, Source};
use choose::Chosen;

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

    /// Returns what a plugin may do, by its name in `uses:`. Without an entry it may do nothing.
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

/// Returns the components of the repository that the sources use: paths from its root.
#[must_use]
pub fn component_paths(sources: &[Source]) -> Vec<String> {
    // Most files use none, and show that without being parsed.
    let sources = sources.iter().filter(|source| source.text.contains("./"));
    let definitions = sources.filter_map(|source| definition::parse(source).0);
    let path = |call: &CallDefinition| call.component_path().map(str::to_owned);
    let of_actions = |actions: &[ActionDefinition]| -> Vec<String> {
        actions.iter().filter_map(ActionDefinition::stage).flat_map(StageDefinition::calls).filter_map(path).collect()
    };
    let mut paths: Vec<String> = definitions
        .flat_map(|definition| match definition {
            Definition::Pipeline(pipeline) => {
                let stages = pipeline.stages.iter().chain(&pipeline.finally);
                stages.flat_map(StageDefinition::calls).filter_map(path).collect()
            }
            Definition::Workflow(workflow) => workflow.calls().filter_map(path).collect(),
            Definition::Automations(automations) => {
                automations.iter().flat_map(|automation| of_actions(&automation.actions)).collect()
            }
            Definition::Recipe(recipe) => of_actions(&recipe.actions),
            _ => Vec::new(),
        })
        .collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// Parses and compiles all sources. Every problem is reported; there is a revision only where none is an error.
#[must_use]
pub fn compile(sources: &[Source], catalog: &Catalog) -> (Option<Revision>, Vec<Diagnostic>) {
    let Chosen { files, provenance } = choose::choose(sources);
    let mut revision = Revision {
        provenance,
        commit: sources
            .iter()
            .find(|source| source.origin.level == Level::Repository)
            .and_then(|source| source.origin.commit.clone()),
        ..Revision::default()
    };
    let mut grants: BTreeMap<String, Arc<PluginGrants>> = BTreeMap::new();
    for file in &files {
        if let Some(Definition::Plugins(plugins)) = &file.parsed.definition {
            grants.extend(plugins.plugins.iter().map(|(name, grants)| (name.clone(), Arc::new(grants.clone()))));
        }
    }
    let surroundings = Surroundings { catalog, grants: &|plugin| grants.get(plugin).map(Arc::as_ref) };
    let declared = Declared::of(files.iter().map(|file| &file.parsed));
    let mut diagnostics = Vec::new();
    for file in files {
        let mut problems = Problems::of(file.source);
        let mut found = undeclared::check(file.source, &file.parsed, &declared);
        if let Some(definition) = &file.parsed.definition {
            revision.add(definition, file.source.origin.level, surroundings, &mut problems);
        }
        found.extend(file.parsed.diagnostics);
        found.extend(problems.into_diagnostics());
        found.sort_by_key(|found| found.span);
        if file.source.origin.level < Level::Project {
            // What is not the project's to change is only worth a word where it keeps the project from working.
            found.retain(|found| found.severity == Severity::Error);
        }
        diagnostics.extend(found);
    }
    revision.grants = grants;
    let accepted = diagnostics.iter().all(|found| found.severity != Severity::Error);
    (accepted.then_some(revision), diagnostics)
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
                if let Some(mut plan) = compile_pipeline(pipeline, surroundings, problems) {
                    if level < Level::Project {
                        // What a whole organisation shares starts nothing by itself.
                        plan.on = Triggers::default();
                    }
                    self.plans.insert(pipeline.id.value.clone(), Arc::new(plan));
                }
            }
            Definition::Workflow(workflow) => {
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
