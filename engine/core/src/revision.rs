//! A revision: everything a project's definitions mean at one commit. It publishes whole or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::definition::undeclared::{self, Declared};
use crate::definition::{self, ActionDefinition, CallDefinition, Definition, Parsed, PluginGrants, StageDefinition};
use crate::diagnostic::{Code, Diagnostic, Problems, Severity};
use crate::plan::{Plan, Surroundings, compile_pipeline};
use crate::source::Source;

/// Compiled definitions.
#[derive(Debug, Default)]
pub struct Revision {
    plans: BTreeMap<String, Arc<Plan>>,
    grants: BTreeMap<String, Arc<PluginGrants>>,
}

impl Revision {
    /// Returns the plan of a pipeline.
    #[must_use]
    pub fn plan(&self, pipeline: &str) -> Option<&Arc<Plan>> {
        self.plans.get(pipeline)
    }

    /// Returns all plans in the order of their ids.
    pub fn plans(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.plans.values()
    }

    /// Returns what a plugin may do, by its name in `uses:`. Without an entry it may do nothing.
    #[must_use]
    pub fn grants(&self, plugin: &str) -> Option<&Arc<PluginGrants>> {
        self.grants.get(plugin)
    }
}

/// Returns the components of the repository that the sources use: paths from its root.
#[must_use]
pub fn component_paths(sources: &[Source]) -> Vec<String> {
    let definitions = sources.iter().filter_map(|source| definition::parse(source).0);
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
    let mut revision = Revision::default();
    let mut parsed: Vec<(&Source, Parsed)> = sources.iter().map(|source| (source, definition::read(source))).collect();
    let declared = Declared::of(parsed.iter().map(|(_, parsed)| parsed));
    for (_, parsed) in &mut parsed {
        if let Some(Definition::Plugins(plugins)) = &mut parsed.definition {
            let grants = std::mem::take(&mut plugins.plugins);
            revision.grants = grants.into_iter().map(|(name, grants)| (name, Arc::new(grants))).collect();
        }
    }
    let grants = std::mem::take(&mut revision.grants);
    let surroundings = Surroundings { catalog, grants: &|plugin| grants.get(plugin).map(Arc::as_ref) };
    let mut homes: BTreeMap<String, &str> = BTreeMap::new();
    let mut diagnostics = Vec::new();
    for (source, parsed) in parsed {
        let mut problems = Problems::of(source);
        let undeclared = undeclared::check(source, &parsed, &declared);
        let mut found = parsed.diagnostics;
        found.extend(undeclared);
        if let Some(Definition::Pipeline(pipeline)) = parsed.definition {
            let id = pipeline.id.value.clone();
            if let Some(home) = homes.insert(id.clone(), &source.path) {
                let message = format!("pipeline \"{id}\" is already defined in {home}");
                problems.report(Code::DuplicateId, pipeline.id.span, message);
            }
            if let Some(plan) = compile_pipeline(&pipeline, surroundings, &mut problems) {
                revision.plans.insert(id, Arc::new(plan));
            }
        }
        found.extend(problems.into_diagnostics());
        found.sort_by_key(|found| found.span);
        diagnostics.extend(found);
    }
    revision.grants = grants;
    let accepted = diagnostics.iter().all(|found| found.severity != Severity::Error);
    (accepted.then_some(revision), diagnostics)
}
