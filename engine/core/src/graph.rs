//! Graphs to look at: what a pipeline's stages or a workflow's states are and how they follow each other, drawn as
//! Mermaid, as DOT or as SVG.
//!
//! A graph holds text as people wrote it. Each way of drawing makes that text harmless by its own rules, and none of
//! them writes an id: in a drawing, nodes are told apart by their places.

mod dot;
mod machine;
mod mermaid;
mod svg;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::definition::RunOn;
use crate::manifest::DEFAULT_ACTION;
use crate::plan::{Plan, Role, StagePlan, Task};

pub use svg::TooLarge;

/// A graph to look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    /// What it is a graph of.
    pub name: String,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// Its edges. One whose end is not among the nodes is not drawn.
    pub edges: Vec<Edge>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What edges call it.
    pub id: String,
    /// What is written in it, in lines.
    pub label: String,
    /// What it looks like.
    pub shape: NodeShape,
}

/// A line from one node to another, or to itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Where it begins: a node's id.
    pub from: String,
    /// Where its arrow points: a node's id.
    pub to: String,
    /// What is written beside it.
    pub label: Option<String>,
}

/// What a node stands for, which is what it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeShape {
    /// A stage of a pipeline.
    Stage,
    /// A stage that waits for people.
    Approval,
    /// A stage under `finally`: dashed, and so are the lines to it.
    Finally,
    /// What undoes a stage: dashed, and so is the line to it.
    Compensation,
    /// The state that items begin in.
    Initial,
    /// A state.
    State,
    /// A state that is left at once, by one way or another.
    Gateway,
    /// A state that nothing leads out of.
    Final,
}

impl Graph {
    /// Makes a graph without nodes.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), nodes: Vec::new(), edges: Vec::new() }
    }

    /// Adds a node. Of two with one id, edges mean the first.
    pub fn add_node(&mut self, id: impl Into<String>, label: impl Into<String>, shape: NodeShape) {
        self.nodes.push(Node { id: id.into(), label: label.into(), shape });
    }

    /// Adds an edge. Its nodes may be added later.
    pub fn add_edge(&mut self, from: impl Into<String>, to: impl Into<String>, label: Option<String>) {
        self.edges.push(Edge { from: from.into(), to: to.into(), label });
    }

    /// Returns the graph of a pipeline's stages: every combination of a matrix, what undoes stages, and `finally`,
    /// which follows on the stages that nothing else follows on.
    #[must_use]
    pub fn of_plan(plan: &Plan) -> Self {
        let mut graph = Self::new(&plan.name);
        for stage in plan.stages() {
            graph.add_node(&stage.id, label(stage), shape(stage));
        }
        for (position, stage) in plan.stages().enumerate() {
            let mut befores: Vec<usize> = match stage.role {
                Role::Stage => plan.needs(position).collect(),
                Role::Compensates(undone) => vec![undone],
                Role::Finally => (0..plan.len()).filter(|before| is_last(plan, *before)).collect(),
            };
            befores.sort_unstable();
            for before in befores {
                graph.add_edge(&plan.stage(before).id, &stage.id, condition(stage).map(str::to_owned));
            }
        }
        graph
    }

    /// Draws it as a Mermaid flowchart.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        mermaid::draw(self)
    }

    /// Draws it as DOT, the language of Graphviz.
    #[must_use]
    pub fn to_dot(&self) -> String {
        dot::draw(self)
    }

    /// Draws it as an SVG document that holds no script and no style, and asks for nothing from elsewhere.
    ///
    /// # Errors
    ///
    /// It is too large to be laid out in reasonable time.
    pub fn to_svg(&self) -> Result<String, TooLarge> {
        svg::draw(self)
    }

    /// Returns the edges with the places of the nodes that they join.
    fn joined(&self) -> Vec<(usize, usize, &Edge)> {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (place, node) in self.nodes.iter().enumerate() {
            places.entry(&node.id).or_insert(place);
        }
        let place = |id: &str| places.get(id).copied();
        self.edges.iter().filter_map(|edge| Some((place(&edge.from)?, place(&edge.to)?, edge))).collect()
    }
}

impl NodeShape {
    /// Tells whether it stands beside the ordinary way of things.
    fn is_dashed(self) -> bool {
        matches!(self, Self::Finally | Self::Compensation)
    }
}

fn shape(stage: &StagePlan) -> NodeShape {
    match (stage.role, &stage.task) {
        (Role::Finally, _) => NodeShape::Finally,
        (Role::Compensates(_), _) => NodeShape::Compensation,
        (Role::Stage, Task::Approval(_)) => NodeShape::Approval,
        (Role::Stage, Task::Call(_) | Task::Nothing(_)) => NodeShape::Stage,
    }
}

/// Says a stage in lines: its id, what it does, and its combination of a matrix.
fn label(stage: &StagePlan) -> String {
    let deed = match &stage.task {
        Task::Call(call) if call.action == DEFAULT_ACTION => call.plugin.clone(),
        Task::Call(call) => format!("{}/{}", call.plugin, call.action),
        Task::Approval(_) => "approval".to_owned(),
        Task::Nothing(reason) => reason.clone(),
    };
    let mut label = format!("{}\n{deed}", stage.id);
    if let Some((_, combination)) = &stage.matrix {
        let values: Vec<String> = combination.iter().map(|(key, value)| format!("{key}: {}", plain(value))).collect();
        label += &format!("\n{}", values.join(", "));
    }
    label
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Tells whether nothing follows on an ordinary stage but what stands under `finally`.
fn is_last(plan: &Plan, position: usize) -> bool {
    plan.stage(position).role == Role::Stage && plan.needed_by(position).next().is_none()
}

/// Says what an edge to a stage means where it does not mean that all went well.
fn condition(stage: &StagePlan) -> Option<&'static str> {
    match (stage.role, stage.run_on) {
        (Role::Compensates(_), _) => Some("undone by"),
        (Role::Finally, _) | (Role::Stage, RunOn::Success) => None,
        (Role::Stage, RunOn::Failure) => Some("on failure"),
        (Role::Stage, RunOn::Always) => Some("always"),
    }
}

#[cfg(test)]
mod tests;
