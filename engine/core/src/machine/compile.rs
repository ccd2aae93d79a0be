//! Workflow definition to machine: steps compiled, approvals put in words, plans of transitions built.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::needs;
use super::plans::{Section, build};
use super::step::Step;
use super::{GuardPlan, Machine, PlanNames, StatePlan, TransitionPlan, plan_name};
use crate::decode::Located;
use crate::definition::{
    ActionDefinition, Approver, GuardDefinition, MAX_STAGES, StateDefinition, StateKind, TransitionDefinition,
    WorkflowDefinition,
};
use crate::diagnostic::{Code, Problems};
use crate::plan::{Plan, Surroundings};

/// Compiles a workflow: the machine, and the plans of what its transitions do in the world. `None` for one without
/// states.
pub(crate) fn compile_workflow(
    definition: &WorkflowDefinition,
    surroundings: Surroundings<'_>,
    problems: &mut Problems<'_>,
) -> Option<(Machine, Vec<Plan>)> {
    let mut compiler =
        Compiler { workflow: &definition.id.value, surroundings, plans: Vec::new(), names: BTreeSet::new(), steps: 0 };
    let states: Vec<StatePlan> = definition.states.iter().map(|state| compiler.state(state, problems)).collect();
    let by_state: BTreeMap<String, usize> =
        states.iter().enumerate().map(|(position, state)| (state.id.clone(), position)).collect();
    // A workflow that says nothing begins in the first of its states.
    let named = definition.initial.as_ref().map(|initial| initial.value.as_str());
    let named = named.filter(|initial| by_state.contains_key(*initial));
    let first = states.iter().find(|state| state.kind == StateKind::Initial).or(states.first());
    let initial = named.or(first.map(|state| state.id.as_str()))?.to_owned();
    let mut transitions = Vec::new();
    for transition in &definition.transitions {
        let steps = compiler.steps(transition, problems);
        for from in &transition.from {
            transitions.extend(compiler.transition(transition, from, &steps, (&states, &by_state), problems));
        }
    }
    let machine = Machine {
        workflow: definition.id.value.clone(),
        name: definition.name.clone(),
        description: definition.description.clone().unwrap_or_default(),
        initial,
        states,
        transitions,
        by_state,
    };
    Some((machine, compiler.plans))
}

/// Most steps of all transitions of a workflow, each counted for every state that it leads from.
const MAX_STEPS: usize = 20_000;

struct Compiler<'w, 's> {
    workflow: &'w str,
    surroundings: Surroundings<'s>,
    plans: Vec<Plan>,
    /// The names of the plans.
    names: BTreeSet<String>,
    /// How many steps all transitions have, each counted for every state that it leads from.
    steps: usize,
}

/// The steps and guards of a transition, compiled once for all the states that it leads from.
struct Steps {
    actions: Vec<Step>,
    success: Vec<Step>,
    failure: Vec<Step>,
    guards: Vec<GuardPlan>,
}

impl Compiler<'_, '_> {
    fn state(&mut self, state: &StateDefinition, problems: &mut Problems<'_>) -> StatePlan {
        let id = state.id.value.clone();
        let on_enter = self.list(&state.on_enter, problems);
        let entry_plan = self.plan(plan_name(self.workflow, "", &id, "create"), &[(Section::Enter, &on_enter)]);
        StatePlan {
            kind: state.kind,
            label: state.label.clone(),
            category: state.category.clone(),
            color: state.color.clone(),
            description: state.description.clone().unwrap_or_default(),
            wip_limit: state.wip_limit,
            conditions: state.conditions.clone(),
            approval: state.approval.as_ref().map(|approval| people(&approval.approvers)),
            checklist: state.checklist.clone(),
            on_exit: self.list(&state.on_exit, problems),
            on_enter,
            entry_plan,
            id,
        }
    }

    fn list(&self, actions: &[ActionDefinition], problems: &mut Problems<'_>) -> Vec<Step> {
        let compile = |(position, action): (usize, &ActionDefinition)| {
            Step::compile(&format!("step_{position}"), action, self.surroundings, problems)
        };
        in_order(actions.iter().enumerate().map(compile).collect())
    }

    fn steps(&self, transition: &TransitionDefinition, problems: &mut Problems<'_>) -> Steps {
        let compile = |(id, action): &(Located<String>, ActionDefinition)| {
            Step::compile(&id.value, action, self.surroundings, problems)
        };
        let mut actions = transition.actions.actions.iter().map(compile).collect();
        if transition.actions.in_order {
            actions = in_order(actions);
        } else {
            needs::check(&transition.actions, problems);
        }
        Steps {
            actions,
            success: self.list(&transition.on_success, problems),
            failure: self.list(&transition.on_failure, problems),
            guards: self.guards(transition, problems),
        }
    }

    fn guards(&self, transition: &TransitionDefinition, problems: &mut Problems<'_>) -> Vec<GuardPlan> {
        if transition.guards.len() > GuardPlan::MOST {
            let (name, most) = (&transition.name.value, GuardPlan::MOST);
            let message = format!("\"{name:.60}\" has {} guards, and may have {most}", transition.guards.len());
            problems.report(Code::Budget, transition.name.span, message);
            return Vec::new();
        }
        transition.guards.iter().map(|guard| self.guard(guard, problems)).collect()
    }

    fn guard(&self, guard: &GuardDefinition, problems: &mut Problems<'_>) -> GuardPlan {
        match guard {
            GuardDefinition::Extension { id } => GuardPlan { uses: id.value.clone(), call: None },
            GuardDefinition::Uses(call) => {
                let compiled = self.surroundings.compile(call, problems);
                if compiled.timeout.is_some_and(|timeout| timeout > GuardPlan::LONGEST) {
                    let message = "somebody waits for what a guard says, so it may take one minute at most";
                    problems.report(Code::InvalidValue, call.uses.span, message);
                }
                GuardPlan { uses: call.uses.value.clone(), call: Some(Arc::new(compiled)) }
            }
        }
    }

    /// Compiles the transition out of one state; `None` where a state is not there or there is too much to do, which
    /// was reported.
    fn transition(
        &mut self,
        transition: &TransitionDefinition,
        from: &Located<String>,
        steps: &Steps,
        (states, by_state): (&[StatePlan], &BTreeMap<String, usize>),
        problems: &mut Problems<'_>,
    ) -> Option<TransitionPlan> {
        let leaves = &states[*by_state.get(&from.value)?];
        let enters = &states[*by_state.get(&transition.to.value)?];
        let hooks = leaves.on_exit.len() + enters.on_enter.len();
        if !self.affords(hooks + steps.actions.len() + steps.success.len() + steps.failure.len(), from, problems) {
            return None;
        }
        let name = |part| plan_name(self.workflow, &from.value, &transition.name.value, part);
        let (before, after, failed) = (name("before"), name("after"), name("failed"));
        let mut plans = PlanNames::default();
        if transition.wait {
            plans.before = self.plan(before, &[(Section::Actions, &steps.actions)]);
        }
        let actions: &[Step] = if plans.before.is_some() { &[] } else { &steps.actions };
        let sections = [
            (Section::Exit, leaves.on_exit.as_slice()),
            (Section::Enter, &enters.on_enter),
            (Section::Actions, actions),
            (Section::Success, &steps.success),
        ];
        plans.after = self.plan(after, &sections);
        if plans.before.is_some() {
            plans.failed = self.plan(failed, &[(Section::Failure, &steps.failure)]);
        }
        Some(TransitionPlan {
            name: transition.name.value.clone(),
            from: from.value.clone(),
            to: transition.to.value.clone(),
            description: transition.description.clone().unwrap_or_default(),
            conditions: transition.conditions.clone(),
            requires_fields: transition.requires_fields.iter().map(|field| field.value.clone()).collect(),
            rejection: transition.rejection,
            when: transition.when.clone(),
            guards: steps.guards.clone(),
            approval: approval(transition),
            wait: transition.wait,
            actions: steps.actions.clone(),
            on_success: steps.success.clone(),
            on_failure: steps.failure.clone(),
            plans,
        })
    }

    /// Counts the steps of a transition; what is too much is reported, the sum of all once.
    fn affords(&mut self, steps: usize, from: &Located<String>, problems: &mut Problems<'_>) -> bool {
        if steps > MAX_STAGES {
            let message = format!(
                "leaving \"{:.60}\" does {steps} things, and a transition does at most {MAX_STAGES}",
                from.value
            );
            problems.report(Code::Budget, from.span, message);
            return false;
        }
        let before = self.steps;
        self.steps += steps;
        if before <= MAX_STEPS && self.steps > MAX_STEPS {
            let message = format!("the transitions of a workflow do at most {MAX_STEPS} things in all");
            let hint = "what a state does when it is entered or left counts for every transition that does so";
            problems.report_with_hint(Code::Budget, from.span, message, hint);
        }
        self.steps <= MAX_STEPS
    }

    /// Builds a plan and keeps it; returns its name where there is something to run.
    fn plan(&mut self, name: String, sections: &[(Section, &[Step])]) -> Option<String> {
        // Transitions of one name out of one state to several others each have a plan of their own.
        let mut unique = name.clone();
        let mut count = 1;
        while self.names.contains(&unique) {
            count += 1;
            unique = format!("{name}/{count}");
        }
        self.plans.push(build(&unique, sections)?);
        self.names.insert(unique.clone());
        Some(unique)
    }
}

/// Lets each step of a list wait for the one before it.
fn in_order(mut steps: Vec<Step>) -> Vec<Step> {
    for later in 1..steps.len() {
        steps[later].needs = vec![steps[later - 1].id.clone()];
    }
    steps
}

/// Says who has to approve a transition.
fn approval(transition: &TransitionDefinition) -> Option<String> {
    let mut who: Vec<String> = transition
        .require_approval
        .iter()
        .map(|approval| approval.approver.as_ref().map_or_else(|| "somebody".to_owned(), |one| person(&one.value)))
        .collect();
    let levels = transition.approval_chain.iter().flat_map(|chain| &chain.levels);
    who.extend(levels.map(|level| format!("\"{}\"", level.name)));
    (!who.is_empty()).then(|| who.join(" and "))
}

fn people(approvers: &[Located<Approver>]) -> String {
    let all: Vec<String> = approvers.iter().map(|approver| person(&approver.value)).collect();
    if all.is_empty() { "somebody".to_owned() } else { all.join(" or ") }
}

fn person(approver: &Approver) -> String {
    match approver {
        Approver::Role(role) => format!("a {role}"),
        Approver::User(user) => user.clone(),
    }
}
