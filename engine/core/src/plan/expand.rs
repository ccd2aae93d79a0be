//! Stages as they were written to nodes: one for each combination of a matrix, one for what undoes each of those.

use std::collections::BTreeMap;

use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::{Map, Value as Json};

use super::graph::Needs;
use super::{MatrixPlan, Role, StagePlan, Task};
use crate::definition::StageDefinition;

/// The nodes and edges of a plan.
#[derive(Default)]
pub(super) struct Expanded {
    pub(super) graph: DiGraph<StagePlan, ()>,
    pub(super) by_id: BTreeMap<String, NodeIndex>,
    pub(super) matrices: Vec<MatrixPlan>,
}

/// A stage as it was written, with what its nodes do.
pub(super) struct Compiled<'d> {
    pub(super) definition: &'d StageDefinition,
    pub(super) task: Task,
    pub(super) compensation: Option<Task>,
    pub(super) finally: bool,
}

/// Makes the nodes of all stages and joins them along the needs, whose indices count ordinary stages.
pub(super) fn expand(stages: &[Compiled<'_>], needs: &Needs) -> Expanded {
    let mut expanded = Expanded::default();
    let nodes: Vec<Vec<NodeIndex>> = stages.iter().map(|stage| expanded.add_stage(stage)).collect();
    for edge in needs.raw_edges() {
        for from in &nodes[edge.source().index()] {
            for to in &nodes[edge.target().index()] {
                expanded.graph.add_edge(*from, *to, ());
            }
        }
    }
    for (stage, nodes) in stages.iter().zip(&nodes) {
        for node in nodes.iter().filter(|_| stage.compensation.is_some()) {
            expanded.add_compensation(stage, *node);
        }
    }
    expanded
}

impl Expanded {
    fn add_stage(&mut self, stage: &Compiled<'_>) -> Vec<NodeIndex> {
        let id = &stage.definition.id.value;
        let Some(matrix) = &stage.definition.matrix else { return vec![self.add_node(stage, id.clone(), None)] };
        let place = self.matrices.len();
        let node = |(index, combination): (usize, &Map<String, Json>)| {
            self.add_node(stage, format!("{id}.{index}"), Some((place, combination.clone())))
        };
        let nodes: Vec<NodeIndex> = matrix.combinations.iter().enumerate().map(node).collect();
        self.matrices.push(MatrixPlan {
            id: id.clone(),
            members: nodes.iter().map(|node| node.index()).collect(),
            max_parallel: matrix.max_parallel,
            fail_fast: matrix.fail_fast,
        });
        nodes
    }

    fn add_node(&mut self, stage: &Compiled<'_>, id: String, matrix: Option<(usize, Map<String, Json>)>) -> NodeIndex {
        let definition = stage.definition;
        let index = self.graph.add_node(StagePlan {
            id: id.clone(),
            task: stage.task.clone(),
            when: definition.when.clone(),
            run_on: definition.run_on,
            allow_failure: definition.allow_failure,
            role: if stage.finally { Role::Finally } else { Role::Stage },
            matrix,
        });
        self.by_id.insert(id, index);
        index
    }

    fn add_compensation(&mut self, stage: &Compiled<'_>, undone: NodeIndex) {
        let Some(task) = stage.compensation.clone() else { return };
        let id = format!("{}.compensate", self.graph[undone].id);
        let index = self.graph.add_node(StagePlan {
            id: id.clone(),
            task,
            when: None,
            run_on: Default::default(),
            // One that fails does not keep the others from running.
            allow_failure: true,
            role: Role::Compensates(undone.index()),
            matrix: self.graph[undone].matrix.clone(),
        });
        self.by_id.insert(id, index);
    }
}
