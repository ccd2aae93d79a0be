//! The plans of transitions: what they do in the world, as graphs that runs can execute.

use std::collections::{BTreeMap, BTreeSet};

use super::step::{Does, Step};
use crate::definition::RunOn;
use crate::plan::{Plan, Role, StagePlan};

/// Steps that belong together, and when they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// An item leaves a state.
    Exit,
    /// An item enters a state.
    Enter,
    /// A transition's own actions.
    Actions,
    /// A transition has happened.
    Success,
    /// A transition's actions failed.
    Failure,
}

impl Section {
    /// Returns the id that a step of this section has as a stage. Those of hooks have a dot, which no key of a mapping
    /// has: two stages of one id would be one.
    #[must_use]
    pub fn stage_id(self, step: &Step) -> String {
        let position = step.id.strip_prefix("step_").unwrap_or(&step.id);
        match self {
            Self::Exit => format!("on_exit.{position}"),
            Self::Enter => format!("on_enter.{position}"),
            Self::Actions => step.id.clone(),
            Self::Success => format!("on_success.{position}"),
            Self::Failure => format!("on_failure.{position}"),
        }
    }
}

/// Builds the plan of these sections, one after the other; `None` where none of them has anything to run.
pub(super) fn build(name: &str, sections: &[(Section, &[Step])]) -> Option<Plan> {
    let mut nodes: Vec<StagePlan> = Vec::new();
    let mut edges: Vec<(usize, usize)> = Vec::new();
    // The nodes that a section waits for: those of the one before it that no other waits for.
    let mut before: Vec<usize> = Vec::new();
    for (section, steps) in sections {
        let mut by_id: BTreeMap<&str, (&Step, Option<usize>)> = BTreeMap::new();
        for step in steps.iter() {
            let node = stage_plan(*section, step);
            by_id.insert(&step.id, (step, node.is_some().then_some(nodes.len())));
            nodes.extend(node);
        }
        let mut ends: BTreeSet<usize> = by_id.values().filter_map(|(_, node)| *node).collect();
        for (step, node) in by_id.values() {
            let Some(node) = *node else { continue };
            let needs = needed(step, &by_id);
            needs.iter().for_each(|need| _ = ends.remove(need));
            let needs = if needs.is_empty() { &before } else { &needs };
            edges.extend(needs.iter().map(|need| (*need, node)));
        }
        if !ends.is_empty() {
            before = ends.into_iter().collect();
        }
    }
    (!nodes.is_empty()).then(|| Plan::of_steps(name, nodes, &edges))
}

/// Returns the nodes that a step waits for. A need that only changes the item is no node: its own needs count.
fn needed(step: &Step, by_id: &BTreeMap<&str, (&Step, Option<usize>)>) -> Vec<usize> {
    let mut found = BTreeSet::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut open: Vec<&str> = step.needs.iter().map(String::as_str).collect();
    while let Some(need) = open.pop() {
        match by_id.get(need) {
            Some((_, Some(node))) => _ = found.insert(*node),
            Some((step, None)) if seen.insert(need) => open.extend(step.needs.iter().map(String::as_str)),
            _ => {}
        }
    }
    found.into_iter().collect()
}

/// What a step is as a node; `None` for one that changes the item.
fn stage_plan(section: Section, step: &Step) -> Option<StagePlan> {
    let id = section.stage_id(step);
    // What states do goes on whatever came of the step before; a transition's own actions depend on each other.
    let hook = if section == Section::Actions { RunOn::Success } else { RunOn::Always };
    match &step.does {
        Does::Item(_) => None,
        Does::Stage(stage) => {
            let (definition, task) = &**stage;
            let run_on = if definition.run_on == RunOn::Success { hook } else { definition.run_on };
            Some(StagePlan {
                id,
                task: task.clone(),
                when: definition.when.clone(),
                run_on,
                allow_failure: definition.allow_failure,
                role: Role::Stage,
                matrix: None,
            })
        }
        Does::World(world) => {
            let task = world.0.clone();
            // One that cannot be done is skipped, and what follows it is not.
            let run_on = RunOn::Always;
            Some(StagePlan { id, task, when: None, run_on, allow_failure: true, role: Role::Stage, matrix: None })
        }
    }
}
