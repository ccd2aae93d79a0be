//! Edges of a plan: needs resolved to nodes, circles found and shown as a path.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::decode::Located;
use crate::definition::{PipelineDefinition, StageDefinition};
use crate::diagnostic::{Code, Problems};

/// Stages as they were written, with edges from needs to what needs them.
pub(crate) type Needs = DiGraph<(), ()>;

/// Something that waits for others: a stage, or an action of a transition.
#[derive(Clone, Copy)]
pub(crate) struct Waiting<'d> {
    /// Its id.
    pub(crate) id: &'d Located<String>,
    /// The ids of those that have to end first.
    pub(crate) needs: &'d [Located<String>],
}

/// Resolves `needs`; unknown ones are reported.
pub(super) fn resolve(definition: &PipelineDefinition, problems: &mut Problems<'_>) -> Needs {
    let PipelineDefinition { stages, finally, unreadable, .. } = definition;
    let mut graph = Needs::new();
    let mut by_id = BTreeMap::new();
    for stage in stages {
        by_id.insert(stage.id.value.as_str(), graph.add_node(()));
    }
    for (position, stage) in stages.iter().enumerate() {
        for need in &stage.needs {
            match by_id.get(need.value.as_str()) {
                Some(from) => drop(graph.update_edge(*from, NodeIndex::new(position), ())),
                None if unreadable.contains(&need.value) => {}
                None => report_unknown(stage, need, stages, finally, problems),
            }
        }
    }
    for stage in finally {
        for need in &stage.needs {
            let message =
                format!("stage \"{}\" stands under `finally` and waits for everything anyway", stage.id.value);
            problems.report_with_hint(Code::InvalidValue, need.span, message, "remove `needs`");
        }
    }
    graph
}

fn report_unknown(
    stage: &StageDefinition,
    need: &Located<String>,
    stages: &[StageDefinition],
    finally: &[StageDefinition],
    problems: &mut Problems<'_>,
) {
    let (own, name) = (&stage.id.value, &need.value);
    if finally.iter().any(|last| last.id.value == *name) {
        let message = format!("stage \"{own}\" needs \"{name}\", which stands under `finally` and runs last");
        let hint = "move it to `stages`, or remove the need";
        problems.report_with_hint(Code::UnknownStage, need.span, message, hint);
    } else {
        let message = format!("stage \"{own}\" needs \"{name}\", which does not exist");
        let others = stages.iter().map(|stage| stage.id.value.as_str()).filter(|id| id != own);
        problems.report_unknown(Code::UnknownStage, need.span, message, name, others);
    }
}

/// Reports every circle, one for each group of those that need each other; `what` is what one of them is called.
pub(crate) fn refuse_cycles(what: &str, stages: &[Waiting<'_>], graph: &Needs, problems: &mut Problems<'_>) {
    for component in tarjan_scc(graph) {
        let Some(first) = component.iter().min().copied() else { continue };
        if component.len() == 1 && !graph.contains_edge(first, first) {
            continue;
        }
        let stage = &stages[first.index()];
        let path = cycle_through(graph, first, &component);
        let names: Vec<&str> = path.iter().map(|index| stages[index.index()].id.value.as_str()).collect();
        let message = match names.as_slice() {
            [only, _] => format!("{what} \"{only}\" needs itself"),
            _ => format!("{what}s need each other in a circle: {}", names.join(" → ")),
        };
        let next = names.get(1).copied();
        let span = stage.needs.iter().find(|need| Some(need.value.as_str()) == next);
        let place = span.map_or(stage.id.span, |need| need.span);
        problems.report_with_hint(Code::Cycle, place, message, "remove the need that is not one");
    }
}

/// Returns one circle that begins and ends at `first`, along needs, inside a strongly connected component.
fn cycle_through(graph: &Needs, first: NodeIndex, component: &[NodeIndex]) -> Vec<NodeIndex> {
    let mut came_from = BTreeMap::from([(first, first)]);
    let mut queue = VecDeque::from([first]);
    while let Some(at) = queue.pop_front() {
        for need in graph.neighbors_directed(at, Direction::Incoming).filter(|need| component.contains(need)) {
            if need == first {
                let mut path = vec![first];
                let mut step = at;
                while step != first {
                    path.push(step);
                    step = came_from[&step];
                }
                path.push(first);
                path.reverse();
                return path;
            }
            if let Entry::Vacant(new) = came_from.entry(need) {
                new.insert(at);
                queue.push_back(need);
            }
        }
    }
    vec![first]
}
