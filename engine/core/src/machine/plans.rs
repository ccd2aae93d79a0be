//! The plans of transitions: what they do in the world, as graphs that runs can execute.

use std::collections::BTreeMap;

use super::step::{Does, Step};
use crate::definition::RunOn;
use crate::expression::{Expression, Template};
use crate::plan::{CallPlan, Plan, Role, StagePlan, Task};

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
    /// Returns the id that a step of this section has as a stage.
    #[must_use]
    pub fn stage_id(self, step: &Step) -> String {
        let position = step.id.strip_prefix("step_").unwrap_or(&step.id);
        match self {
            Self::Exit => format!("on_exit_{position}"),
            Self::Enter => format!("on_enter_{position}"),
            Self::Actions => step.id.clone(),
            Self::Success => format!("on_success_{position}"),
            Self::Failure => format!("on_failure_{position}"),
        }
    }
}

/// Builds the plan of these sections, one after the other; `None` where none of them has anything to run.
pub(super) fn build(name: &str, sections: &[(Section, &[Step])]) -> Option<Plan> {
    let mut nodes: Vec<StagePlan> = Vec::new();
    let mut edges: Vec<(usize, usize)> = Vec::new();
    // The nodes that the next one waits for.
    let mut last: Vec<usize> = Vec::new();
    for (section, steps) in sections {
        let in_order = steps.iter().all(|step| step.needs.is_empty() && step.id.starts_with("step_"));
        let before = last.clone();
        let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
        for step in steps.iter() {
            let Some(node) = stage_plan(*section, step) else { continue };
            by_id.insert(&step.id, nodes.len());
            nodes.push(node);
        }
        // A step may need one that is written below it.
        for step in steps.iter() {
            let Some(&index) = by_id.get(step.id.as_str()) else { continue };
            let needs: Vec<usize> = match in_order {
                true => last.clone(),
                false => step.needs.iter().filter_map(|need| by_id.get(need.as_str()).copied()).collect(),
            };
            let needs = if needs.is_empty() { before.clone() } else { needs };
            edges.extend(needs.iter().map(|need| (*need, index)));
            if in_order {
                last = vec![index];
            }
        }
        if !in_order && !by_id.is_empty() {
            last = by_id.values().copied().collect();
        }
    }
    (!nodes.is_empty()).then(|| Plan::of_steps(name, nodes, &edges))
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
            let task = match &world.0 {
                Task::Call(call) => Task::Call(CallPlan { input: input_of(&id), ..call.clone() }),
                task => task.clone(),
            };
            // One that cannot be done is skipped, and what follows it is not.
            let run_on = RunOn::Always;
            Some(StagePlan { id, task, when: None, run_on, allow_failure: true, role: Role::Stage, matrix: None })
        }
    }
}

/// What an action of Kiket's is called with was computed when the transition happened.
fn input_of(id: &str) -> Template {
    Expression::parse(&format!("inputs.steps.{id}")).map_or_else(|_| Template::empty(), Template::Expression)
}
