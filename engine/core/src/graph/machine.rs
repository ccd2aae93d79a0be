//! The graph of a workflow: its states, and its transitions by their names.

use super::{Graph, NodeShape};
use crate::definition::StateKind;
use crate::machine::{Machine, StatePlan};

impl Graph {
    /// Returns the graph of a workflow's states; what a transition asks for stands below its name.
    #[must_use]
    pub fn of_machine(machine: &Machine) -> Self {
        let mut graph = Self::new(&machine.name);
        for state in &machine.states {
            graph.add_node(&state.id, &state.label, shape(state));
        }
        for transition in &machine.transitions {
            let guarded = transition.when.is_some()
                || !transition.conditions.is_always()
                || !transition.requires_fields.is_empty()
                || !transition.guards.is_empty();
            let mut label = transition.name.clone();
            if guarded {
                label.push_str(" [if]");
            }
            if transition.approval.is_some() {
                label.push_str(" [approval]");
            }
            graph.add_edge(&transition.from, &transition.to, Some(label));
        }
        graph
    }
}

fn shape(state: &StatePlan) -> NodeShape {
    match state.kind {
        StateKind::Initial => NodeShape::Initial,
        StateKind::Active => NodeShape::State,
        StateKind::Gateway => NodeShape::Gateway,
        StateKind::Final => NodeShape::Final,
    }
}
