//! What a transition's actions wait for, where they are a graph: names that have to exist, circles that may not.

use std::collections::BTreeMap;

use petgraph::graph::NodeIndex;

use crate::decode::Located;
use crate::definition::{ActionDefinition, ActionsDefinition};
use crate::diagnostic::{Code, Problems};
use crate::plan::{Needs, Waiting, refuse_cycles};

/// Reports needs that name no action of the transition, and actions that wait for each other.
pub(super) fn check(actions: &ActionsDefinition, problems: &mut Problems<'_>) {
    let waiting: Vec<Waiting<'_>> =
        actions.actions.iter().map(|(id, action)| Waiting { id, needs: needs(action) }).collect();
    let mut graph = Needs::new();
    let nodes: BTreeMap<&str, NodeIndex> =
        waiting.iter().map(|action| (action.id.value.as_str(), graph.add_node(()))).collect();
    for (position, action) in waiting.iter().enumerate() {
        for need in action.needs {
            if let Some(from) = nodes.get(need.value.as_str()) {
                graph.update_edge(*from, NodeIndex::new(position), ());
                continue;
            }
            let (own, name) = (&action.id.value, &need.value);
            let message = format!("action \"{own:.60}\" needs \"{name:.60}\", which does not exist");
            let others = nodes.keys().copied().filter(|id| id != own);
            problems.report_unknown(Code::UnknownStage, need.span, message, name, others);
        }
    }
    refuse_cycles("action", &waiting, &graph, problems);
}

fn needs(action: &ActionDefinition) -> &[Located<String>] {
    match action {
        ActionDefinition::Stage(stage) => &stage.needs,
        ActionDefinition::Kiket(action) => &action.needs,
    }
}
