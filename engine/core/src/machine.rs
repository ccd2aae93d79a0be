//! Machines: workflows with every name resolved. A machine is to an item what a plan is to a run.
//!
//! It is rebuilt from its definition whenever it is needed and never stored. What its transitions do in the world are
//! plans of their own, named by [`plan_name`], which runs find in the revision like those of pipelines.

mod compile;
mod needs;
mod plans;
mod step;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::definition::{Checklist, Condition, StateKind};
use crate::expression::Expression;
use crate::plan::CallPlan;

pub(crate) use compile::compile_workflow;
pub use plans::Section;
pub use step::{Does, ItemStep, Notice, Step, WorldStep};

/// A compiled workflow.
#[derive(Debug)]
pub struct Machine {
    /// The workflow's id.
    pub workflow: String,
    /// Name for people.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The state that items begin in.
    pub initial: String,
    /// The states, in the order of the file.
    pub states: Vec<StatePlan>,
    /// The transitions, in the order of the file: one for each state that it leads from.
    pub transitions: Vec<TransitionPlan>,
    by_state: BTreeMap<String, usize>,
}

/// A compiled state.
#[derive(Debug)]
pub struct StatePlan {
    /// The id.
    pub id: String,
    /// What part it plays.
    pub kind: StateKind,
    /// Name for people.
    pub label: String,
    /// What it counts as: pending, active, review, completed, blocked.
    pub category: Option<String>,
    /// Colour and icon for pages.
    pub color: Option<String>,
    /// What it means.
    pub description: String,
    /// How many items it takes at most.
    pub wip_limit: Option<u32>,
    /// What has to hold of an item that enters it.
    pub conditions: Condition,
    /// Who has to approve that an item leaves it, in words.
    pub approval: Option<String>,
    /// Its checklist.
    pub checklist: Option<Checklist>,
    /// What happens when an item enters it.
    pub on_enter: Vec<Step>,
    /// What happens when an item leaves it.
    pub on_exit: Vec<Step>,
    /// Name of the plan of what happens in the world when an item begins here.
    pub entry_plan: Option<String>,
}

/// A compiled transition out of one state.
#[derive(Debug)]
pub struct TransitionPlan {
    /// The name.
    pub name: String,
    /// The state that it leads from.
    pub from: String,
    /// The state that it leads to.
    pub to: String,
    /// What it is for.
    pub description: String,
    /// What has to hold.
    pub conditions: Condition,
    /// Fields that have to be filled in.
    pub requires_fields: Vec<String>,
    /// Whether it turns something down: no approval of the state is needed for that.
    pub rejection: bool,
    /// An expression that has to be true.
    pub when: Option<Expression>,
    /// Guards that have to agree, in the order in which they are asked.
    pub guards: Vec<GuardPlan>,
    /// Who has to approve it, in words.
    pub approval: Option<String>,
    /// Whether the state changes only when the actions have succeeded.
    pub wait: bool,
    /// What it does, apart from what its states do.
    pub actions: Vec<Step>,
    /// What follows when it has happened.
    pub on_success: Vec<Step>,
    /// What follows when its actions failed.
    pub on_failure: Vec<Step>,
    /// Names of its plans in the revision, where there is something to run.
    pub plans: PlanNames,
}

/// A compiled guard.
#[derive(Debug, Clone)]
pub struct GuardPlan {
    /// What the workflow calls it.
    pub uses: String,
    /// The question; `None` for one that is not installed and so can never agree.
    pub call: Option<Arc<CallPlan>>,
}

impl GuardPlan {
    /// How long asking a guard may take at most, all attempts together: somebody waits for the answer.
    pub const LONGEST: Duration = Duration::from_secs(60);
    /// Most guards of one transition.
    pub const MOST: usize = 16;
}

/// The plans of a transition, by when they run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanNames {
    /// The actions that the item waits for.
    pub before: Option<String>,
    /// What follows the change of state.
    pub after: Option<String>,
    /// What follows a failure of the actions that it waited for.
    pub failed: Option<String>,
}

impl Machine {
    /// Returns the state of that id.
    #[must_use]
    pub fn state(&self, id: &str) -> Option<&StatePlan> {
        self.by_state.get(id).map(|position| &self.states[*position])
    }

    /// Returns the transitions that lead out of a state, in the order of the file.
    pub fn transitions_from(&self, state: &str) -> impl Iterator<Item = &TransitionPlan> {
        self.transitions.iter().filter(move |transition| transition.from == state)
    }

    /// Returns the checklist of that id, whichever state it stands in.
    #[must_use]
    pub fn checklist(&self, id: &str) -> Option<&Checklist> {
        self.states.iter().filter_map(|state| state.checklist.as_ref()).find(|list| list.id.value == id)
    }
}

/// Returns the name of a plan of a transition: no pipeline can have it, since ids hold no slash.
fn plan_name(workflow: &str, from: &str, transition: &str, part: &str) -> String {
    format!("{workflow}/{from}/{transition}/{part}")
}
