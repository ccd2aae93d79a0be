//! Plans: definitions as petgraph graphs, with every name resolved and every cycle refused.
//!
//! A plan is rebuilt from its definition whenever it is needed and never stored. A stage of the definition may be
//! several nodes: one for each combination of its matrix, and one for what undoes each of them.

mod call;
mod compile;
mod expand;
mod gate;
mod graph;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::{Map, Value as Json};

use crate::catalog::Refusal;
use crate::definition::{ApprovalDefinition, Approver, Concurrency, InputDefinition, Priority, Retry, RunOn, Triggers};
use crate::expression::{Expression, Template};
use crate::manifest::Effect;

pub(crate) use call::Surroundings;
pub(crate) use compile::compile_pipeline;
pub use gate::GATE;
pub(crate) use graph::{Needs, Waiting, refuse_cycles};

/// A compiled pipeline: an acyclic graph whose edges lead from a need to what needs it.
///
/// Node indices count stages in the order of the file, those under `finally` next, those that undo others last; a
/// run keeps its stages in the same order.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The pipeline's id.
    pub pipeline: String,
    /// Name for people.
    pub name: String,
    /// What starts it.
    pub on: Triggers,
    /// What a run takes.
    pub inputs: Vec<InputDefinition>,
    /// What a run gives.
    pub outputs: Vec<(String, Template)>,
    /// Which runs do not run side by side.
    pub concurrency: Option<Concurrency>,
    /// How long a run may take.
    pub timeout: Option<Duration>,
    /// How its work ranks.
    pub priority: Priority,
    /// The stages that are several nodes each.
    pub matrices: Vec<MatrixPlan>,
    graph: DiGraph<StagePlan, ()>,
    by_id: BTreeMap<String, NodeIndex>,
    gate: Option<usize>,
}

/// A stage that runs for several combinations of values.
#[derive(Debug, Clone)]
pub struct MatrixPlan {
    /// The stage's id as it was written; the nodes are called `build.0`, `build.1` …
    pub id: String,
    /// The places of its nodes.
    pub members: Vec<usize>,
    /// How many of them run at once at most.
    pub max_parallel: Option<usize>,
    /// Whether the first one that fails ends those that have not begun.
    pub fail_fast: bool,
}

/// A compiled stage: one node.
#[derive(Debug, Clone)]
pub struct StagePlan {
    /// The stage's id.
    pub id: String,
    /// What it does.
    pub task: Task,
    /// The condition.
    pub when: Option<Expression>,
    /// What has to have come of the needs.
    pub run_on: RunOn,
    /// Whether the run may succeed although this stage failed.
    pub allow_failure: bool,
    /// Its part in the run.
    pub role: Role,
    /// Which of [`Plan::matrices`] it belongs to, and its combination.
    pub matrix: Option<(usize, Map<String, Json>)>,
}

/// The part that a node plays in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It stands under `stages`.
    Stage,
    /// It stands under `finally`.
    Finally,
    /// It undoes the node at this place when the run fails.
    Compensates(usize),
}

/// What a node does.
#[derive(Debug, Clone)]
pub enum Task {
    /// Calls an action.
    Call(CallPlan),
    /// Waits for people.
    Approval(ApprovalPlan),
    /// Nothing: what it names is not there. It is skipped with this reason.
    Nothing(String),
}

/// A compiled call.
#[derive(Debug, Clone)]
pub struct CallPlan {
    /// The plugin's name in `uses:`, by which grants are found.
    pub plugin: String,
    /// Digest of the plugin's component.
    pub digest: String,
    /// The action.
    pub action: String,
    /// What a crash in the middle means.
    pub effect: Effect,
    /// The action's input.
    pub input: Template,
    /// Plain values for the action.
    pub env: Vec<(String, Template)>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// What happens after an attempt that failed.
    pub retry: Retry,
}

/// A compiled approval.
#[derive(Debug, Clone)]
pub struct ApprovalPlan {
    /// Who may agree; empty is whoever may approve at all.
    pub approvers: Vec<Approver>,
    /// How many have to agree.
    pub required: u32,
    /// How long they have.
    pub deadline: Option<Duration>,
    /// What they are asked.
    pub message: Template,
}

impl ApprovalPlan {
    pub(crate) fn of(definition: &ApprovalDefinition) -> Self {
        Self {
            approvers: definition.approvers.iter().map(|approver| approver.value.clone()).collect(),
            required: definition.required,
            deadline: definition.deadline,
            message: definition.message.clone(),
        }
    }
}

impl Plan {
    /// Makes the plan of a transition's steps, whose edges lead from a need to what needs it.
    pub(crate) fn of_steps(name: &str, nodes: Vec<StagePlan>, edges: &[(usize, usize)]) -> Self {
        let mut graph = DiGraph::new();
        let mut by_id = BTreeMap::new();
        for node in nodes {
            let id = node.id.clone();
            by_id.insert(id, graph.add_node(node));
        }
        for (from, to) in edges {
            graph.update_edge(NodeIndex::new(*from), NodeIndex::new(*to), ());
        }
        Self {
            pipeline: name.to_owned(),
            name: name.to_owned(),
            on: Triggers::default(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            concurrency: None,
            timeout: None,
            priority: Priority::default(),
            matrices: Vec::new(),
            graph,
            by_id,
            gate: None,
        }
    }

    /// Returns how many stages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Tells whether there is no stage.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the stages in order.
    pub fn stages(&self) -> impl Iterator<Item = &StagePlan> {
        self.graph.node_weights()
    }

    /// Returns a stage's place in the order.
    #[must_use]
    pub fn position(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).map(|index| index.index())
    }

    /// Returns the stage at a place in the order, which [`Plan::position`] gave.
    #[must_use]
    pub fn stage(&self, position: usize) -> &StagePlan {
        &self.graph[NodeIndex::new(position)]
    }

    /// Returns the places of the stages that one needs.
    pub fn needs(&self, position: usize) -> impl Iterator<Item = usize> {
        self.graph.neighbors_directed(NodeIndex::new(position), Direction::Incoming).map(NodeIndex::index)
    }

    /// Returns the places of the stages that need one.
    pub fn needed_by(&self, position: usize) -> impl Iterator<Item = usize> {
        self.graph.neighbors_directed(NodeIndex::new(position), Direction::Outgoing).map(NodeIndex::index)
    }

    /// Checks the inputs of a run: names, presence, schemas. Returns them with the defaults filled in.
    pub fn check_inputs(&self, mut given: Map<String, Json>) -> Result<Map<String, Json>, Vec<Refusal>> {
        let mut refusals = Vec::new();
        for name in given.keys().filter(|name| !self.inputs.iter().any(|input| input.name == **name)) {
            let reason = format!("pipeline \"{}\" has no input \"{name}\"", self.pipeline);
            refusals.push(Refusal::new(format!("/{name}"), reason));
        }
        for input in &self.inputs {
            let pointer = format!("/{}", input.name);
            match (given.get(&input.name), &input.default) {
                (Some(value), _) => {
                    refusals.extend(input.refuse(value).map(|reason| Refusal::new(pointer, reason)));
                }
                (None, Some(default)) => {
                    given.insert(input.name.clone(), default.clone());
                }
                (None, None) if input.required => {
                    let reason = format!("input \"{}\" is required", input.name);
                    refusals.push(Refusal::new(pointer, reason));
                }
                (None, None) => {}
            }
        }
        if refusals.is_empty() { Ok(given) } else { Err(refusals) }
    }
}

impl CallPlan {
    /// Returns the names of the secrets that the call names, without repeats and in order.
    #[must_use]
    pub fn secrets(&self) -> BTreeSet<&str> {
        let env = self.env.iter().flat_map(|(_, value)| value.secrets());
        self.input.secrets().chain(env).map(|(name, _)| name).collect()
    }
}

impl StagePlan {
    /// Returns the call, where the stage makes one.
    #[must_use]
    pub fn call(&self) -> Option<&CallPlan> {
        match &self.task {
            Task::Call(call) => Some(call),
            Task::Approval(_) | Task::Nothing(_) => None,
        }
    }
}
