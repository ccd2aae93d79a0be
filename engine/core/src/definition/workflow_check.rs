//! What a workflow means as a graph: names that have to exist, states that nothing leads to or out of, transitions
//! that nobody can tell apart.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::Condition;
use super::state::StateKind;
use super::transition::TransitionDefinition;
use super::workflow::WorkflowDefinition;
use crate::decode::Located;
use crate::diagnostic::{Code, Problems};

/// Reports what is wrong with a workflow as a whole; `is_whole` is not so where a part of it could not be read, which
/// was reported. Only a state that does not exist is an error.
pub(super) fn check(workflow: &WorkflowDefinition, is_whole: bool, problems: &mut Problems<'_>) {
    if workflow.states.is_empty() {
        return;
    }
    refuse_twins(workflow, problems);
    warn_of_missing_ends(workflow, problems);
    let before = problems.errors();
    refuse_unknown_states(workflow, problems);
    // What leads to a state that does not exist was probably meant to lead to one that does.
    if is_whole && problems.errors() == before {
        warn_of_unreachable_states(workflow, problems);
        warn_of_exits(workflow, problems);
    }
    warn_of_overlaps(workflow, problems);
    warn_of_unknown_checklists(workflow, problems);
}

/// In a mapping YAML itself refuses two states of one id; in a list it does not.
fn refuse_twins(workflow: &WorkflowDefinition, problems: &mut Problems<'_>) {
    let mut seen = BTreeSet::new();
    for state in &workflow.states {
        if !seen.insert(state.id.value.as_str()) {
            problems.report(
                Code::DuplicateId,
                state.id.span,
                format!("two states are called \"{:.60}\"", state.id.value),
            );
        }
    }
}

fn refuse_unknown_states(workflow: &WorkflowDefinition, problems: &mut Problems<'_>) {
    let ids: BTreeSet<&str> = workflow.states.iter().map(|state| state.id.value.as_str()).collect();
    let mut refuse = |named: &Located<String>, what: &str| {
        if !ids.contains(named.value.as_str()) {
            let message = format!("{what} \"{:.60}\", which is not a state", named.value);
            problems.report_unknown(Code::UnknownState, named.span, message, &named.value, ids.iter().copied());
        }
    };
    if let Some(initial) = &workflow.initial {
        refuse(initial, "items begin in");
    }
    for transition in &workflow.transitions {
        // One without a name is called after the state that it leads to.
        let name = match transition.name.span == transition.to.span {
            true => "a transition".to_owned(),
            false => format!("transition \"{:.60}\"", transition.name.value),
        };
        for from in &transition.from {
            refuse(from, &format!("{name} leaves"));
        }
        refuse(&transition.to, &format!("{name} leads to"));
    }
}

fn warn_of_missing_ends(workflow: &WorkflowDefinition, problems: &mut Problems<'_>) {
    let has = |kind: StateKind| workflow.states.iter().any(|state| state.kind == kind);
    // A workflow may name its initial state instead.
    let first = workflow
        .states
        .first()
        .filter(|first| workflow.initial.as_ref().is_some_and(|named| named.span == first.id.span));
    if let Some(first) = first.filter(|_| !has(StateKind::Initial)) {
        let message = format!("no state is initial; items begin in the first one, \"{:.60}\"", first.id.value);
        problems.report_with_hint(
            Code::NoInitialState,
            first.id.span,
            message,
            "write type: initial in the state that items begin in",
        );
    }
    if let Some(last) = workflow.states.last().filter(|_| !has(StateKind::Final)) {
        let message = "no state is final: no item of this workflow is ever done";
        problems.report_with_hint(
            Code::NoFinalState,
            last.id.span,
            message,
            "write type: final in the states that end the work",
        );
    }
}

fn warn_of_unreachable_states(workflow: &WorkflowDefinition, problems: &mut Problems<'_>) {
    let Some(initial) = &workflow.initial else { return };
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for transition in &workflow.transitions {
        for from in &transition.from {
            next.entry(&from.value).or_default().push(&transition.to.value);
        }
    }
    let mut reached = BTreeSet::from([initial.value.as_str()]);
    let mut open = vec![initial.value.as_str()];
    while let Some(state) = open.pop() {
        for to in next.get(state).into_iter().flatten() {
            if reached.insert(to) {
                open.push(to);
            }
        }
    }
    for state in workflow.states.iter().filter(|state| !reached.contains(state.id.value.as_str())) {
        let id = &state.id.value;
        let entered = workflow.transitions.iter().any(|transition| transition.to.value == *id);
        let reason =
            if entered { "only states that cannot be reached lead to it" } else { "no transition leads to it" };
        let message = format!("state \"{id:.60}\" cannot be reached from \"{:.60}\": {reason}", initial.value);
        let hint = format!("add a transition with to: {id:.60}, or remove the state");
        problems.report_with_hint(Code::UnreachableState, state.id.span, message, hint);
    }
}

fn warn_of_exits(workflow: &WorkflowDefinition, problems: &mut Problems<'_>) {
    let left: BTreeSet<&str> =
        workflow.transitions.iter().flat_map(|transition| &transition.from).map(|from| from.value.as_str()).collect();
    let finals: BTreeSet<&str> = workflow
        .states
        .iter()
        .filter(|state| state.kind == StateKind::Final)
        .map(|state| state.id.value.as_str())
        .collect();
    for transition in &workflow.transitions {
        for from in transition.from.iter().filter(|from| finals.contains(from.value.as_str())) {
            let message =
                format!("transition \"{:.60}\" leaves the final state \"{:.60}\"", transition.name.value, from.value);
            let hint = "items that are done can be opened again this way; make the state active if that is usual";
            problems.report_with_hint(Code::LeavesFinalState, from.span, message, hint);
        }
    }
    // That no state is final, and that a state is not reached, was said; each is reason enough not to be left.
    let entered = |id: &str| {
        let initial = workflow.initial.as_ref().is_some_and(|initial| initial.value == id);
        initial || workflow.transitions.iter().any(|transition| transition.to.value == id)
    };
    for state in workflow.states.iter().filter(|state| !finals.is_empty() && entered(&state.id.value)) {
        let id = &state.id.value;
        if state.kind != StateKind::Final && !left.contains(id.as_str()) {
            let message = format!("state \"{id:.60}\" is not final, and no transition leaves it");
            let hint = format!("add a transition with from: {id:.60}, or write type: final");
            problems.report_with_hint(Code::DeadEnd, state.id.span, message, hint);
        }
    }
}

/// Two transitions overlap when they leave one state, have one name or one end, and the first of them asks for nothing.
fn warn_of_overlaps(workflow: &WorkflowDefinition, problems: &mut Problems<'_>) {
    let mut by_name: BTreeMap<(&str, &str), &TransitionDefinition> = BTreeMap::new();
    let mut by_end: BTreeMap<(&str, &str), &TransitionDefinition> = BTreeMap::new();
    for transition in &workflow.transitions {
        for from in &transition.from {
            let (state, name, to) = (from.value.as_str(), transition.name.value.as_str(), transition.to.value.as_str());
            let twin = by_name.get(&(state, name)).copied();
            let beside = by_end.get(&(state, to)).copied();
            if twin.is_some() {
                let message =
                    format!("two transitions leave \"{state:.60}\" as \"{name:.60}\", and nothing tells them apart");
                let hint = "give one of them another name, or the first one conditions";
                problems.report_with_hint(Code::OverlappingTransitions, transition.name.span, message, hint);
            } else if let Some(other) = beside.filter(|_| !transition.is_guarded()) {
                let ways = format!("\"{name:.60}\" and \"{:.60}\" both lead from", other.name.value);
                let message = format!("{ways} \"{state:.60}\" to \"{to:.60}\", and nothing tells them apart");
                let hint = "remove one of them, or give them conditions";
                problems.report_with_hint(Code::OverlappingTransitions, transition.name.span, message, hint);
            }
            if !transition.is_guarded() {
                by_name.entry((state, name)).or_insert(transition);
                by_end.entry((state, to)).or_insert(transition);
            }
        }
    }
}

fn warn_of_unknown_checklists(workflow: &WorkflowDefinition, problems: &mut Problems<'_>) {
    let known: BTreeSet<&str> = workflow.checklists().map(|checklist| checklist.id.value.as_str()).collect();
    let states = workflow.states.iter().flat_map(|state| {
        let sla = state.sla.iter().map(|rule| &rule.condition);
        let approval = state.approval.iter().map(|approval| &approval.condition);
        std::iter::once(&state.conditions).chain(sla).chain(approval)
    });
    let transitions = workflow.transitions.iter().flat_map(|transition| {
        let levels = transition.approval_chain.iter().flat_map(|chain| &chain.levels).map(|level| &level.condition);
        std::iter::once(&transition.conditions).chain(levels)
    });
    let hooks = workflow.hooks.iter().chain(&workflow.automations).map(|hook| &hook.condition);
    for id in states.chain(transitions).chain(hooks).flat_map(Condition::checklists) {
        if !known.contains(id.value.as_str()) {
            let message = format!("no state has the checklist \"{:.60}\": the condition never holds", id.value);
            problems.report_unknown(Code::UnknownChecklist, id.span, message, &id.value, known.iter().copied());
        }
    }
}
