//! What a command leads to. Pure: the same item, machine, type, command and context give the same events.
//!
//! The order on a transition: permission, from-state, required fields, conditions, `when`, guards, approvals; then the
//! change of state with `on_exit`, `on_enter`, the actions it does not wait for, and `on_success`. What touches the item
//! happens at once; what touches the world is a run that starts in the same unit. Transitions that actions ask for go
//! the same way, guards included. A transition that has waited for its actions was let through before it waited.

use std::sync::Arc;

use super::actions;
use super::choose::choose;
use super::command::{Command, Context, Decision, NewItem, Refusal, StartRun, Undecided, Wanted};
use super::event::Event;
use super::reasons::{Reason, ReasonCode};
use super::state::{Item, Pending};
use super::update;
use crate::definition::ItemTypeDefinition;
use crate::id::RunId;
use crate::machine::{Machine, Section, Step, TransitionPlan};

/// How many transitions one command may lead to: actions that ask for transitions must not go round for ever.
const MAX_CHAIN: usize = 8;

/// An item under decision: what happens to it so far, and the state that leads to.
pub(super) struct Draft<'d> {
    pub(super) machine: &'d Machine,
    pub(super) context: &'d Context<'d>,
    pub(super) item: Item,
    pub(super) events: Vec<Event>,
    pub(super) starts: Vec<StartRun>,
    /// States that actions ask for, in order.
    pub(super) wanted: Vec<String>,
}

impl Draft<'_> {
    pub(super) fn push(&mut self, event: Event) {
        self.item.apply(&event, self.context.now);
        self.events.push(event);
    }
}

impl Item {
    /// Returns what a command leads to, or why it is refused. A transition that cannot happen is no refusal: it leads
    /// to [`Event::Refused`] alone. One that depends on guards is not decided before they were asked.
    pub fn decide(
        &self,
        machine: &Machine,
        kind: Option<&ItemTypeDefinition>,
        command: Command,
        context: &Context<'_>,
    ) -> Result<Decision, Undecided> {
        let (events, wanted) = (Vec::new(), Vec::new());
        let mut draft = Draft { machine, context, item: self.clone(), events, starts: Vec::new(), wanted };
        match (&self.created, command) {
            (None, Command::Create(new)) => create(&mut draft, kind, *new)?,
            (Some(_), Command::Create(_)) => return Err(Refusal::Exists.into()),
            (None, _) => return Err(Refusal::Unknown.into()),
            (Some(_), Command::Update { values }) => {
                let values = update::check(&draft.item, kind, values, false)?;
                if !values.is_empty() {
                    draft.push(Event::Updated { values, by: context.actor.name.clone() });
                }
            }
            (Some(_), Command::Comment { body }) => {
                draft.push(Event::Commented { body, by: context.actor.name.clone() });
            }
            (Some(_), Command::Transition { wanted, comment }) => transition(&mut draft, &wanted, comment)?,
            (Some(_), Command::RunEnded { run, failed }) => run_ended(&mut draft, run, failed)?,
        }
        Ok(Decision { events: draft.events, starts: draft.starts })
    }
}

fn create(draft: &mut Draft<'_>, kind: Option<&ItemTypeDefinition>, new: NewItem) -> Result<(), Undecided> {
    let NewItem { created, state, values } = new;
    let values = update::check(&draft.item, kind, values, true)?;
    let state = state.unwrap_or_else(|| draft.machine.initial.clone());
    let Some(plan) = draft.machine.state(&state) else {
        let reason = format!("workflow \"{}\" has no state \"{state}\"", draft.machine.workflow);
        return Err(Refusal::Values(vec![("state".to_owned(), reason)]).into());
    };
    draft.push(Event::Created { created: Arc::new(created), state, values });
    actions::touch_item(draft, &plan.on_enter, None);
    start(draft, plan.entry_plan.as_deref(), "create", false, &[(Section::Enter, &plan.on_enter)], None);
    follow(draft)
}

fn transition(draft: &mut Draft<'_>, wanted: &Wanted, comment: Option<String>) -> Result<(), Undecided> {
    let by = draft.context.actor.name.clone();
    let (chosen, reasons) = choose(draft, wanted)?;
    match chosen.filter(|_| reasons.is_empty()) {
        None => {
            let asked = chosen.map(|transition| transition.name.clone());
            let transition = asked.unwrap_or_else(|| match wanted {
                Wanted::Name(name) | Wanted::To(name) => name.clone(),
            });
            draft.push(Event::Refused { transition, by, reasons, after: None, run: None });
            Ok(())
        }
        Some(transition) => {
            take(draft, transition, by, comment);
            follow(draft)
        }
    }
}

/// Takes a transition that nothing speaks against.
fn take(draft: &mut Draft<'_>, transition: &TransitionPlan, by: String, comment: Option<String>) {
    let plan = transition.plans.before.as_deref();
    let run = start(draft, plan, &transition.name, true, &[(Section::Actions, &transition.actions)], Some(transition));
    match run {
        Some(run) => {
            let from = draft.item.state.clone();
            let (name, to) = (transition.name.clone(), transition.to.clone());
            draft.push(Event::Waiting { pending: Pending { transition: name, to, run, by, comment }, from });
        }
        None => change_state(draft, transition, by, comment),
    }
}

/// Changes the state, with everything that belongs to it.
fn change_state(draft: &mut Draft<'_>, transition: &TransitionPlan, by: String, comment: Option<String>) {
    let machine = draft.machine;
    let steps_of = |state: &str, enters: bool| {
        machine.state(state).map_or(&[][..], |state| if enters { &state.on_enter } else { &state.on_exit })
    };
    let exit = steps_of(&transition.from, false);
    let enter = steps_of(&transition.to, true);
    // Actions that were waited for have run already.
    let actions: &[Step] = if transition.plans.before.is_some() { &[] } else { &transition.actions };
    let sections = [
        (Section::Exit, exit),
        (Section::Enter, enter),
        (Section::Actions, actions),
        (Section::Success, transition.on_success.as_slice()),
    ];
    let (name, from, to) = (transition.name.clone(), draft.item.state.clone(), transition.to.clone());
    let run = transition.plans.after.as_ref().map(|_| next_run(draft));
    draft.push(Event::Transitioned { transition: name.clone(), from, to, by, comment, run });
    for steps in [exit, enter, &transition.actions, &transition.on_success] {
        actions::touch_item(draft, steps, Some(transition));
    }
    start(draft, transition.plans.after.as_deref(), &name, false, &sections, Some(transition));
}

/// Takes the transitions that actions asked for, one after the other.
fn follow(draft: &mut Draft<'_>) -> Result<(), Undecided> {
    for _ in 0..MAX_CHAIN {
        if draft.wanted.is_empty() {
            return Ok(());
        }
        let wanted = Wanted::To(draft.wanted.remove(0));
        let (chosen, reasons) = choose(draft, &wanted)?;
        let by = "kiket".to_owned();
        match chosen.filter(|_| reasons.is_empty()) {
            Some(transition) => take(draft, transition, by, None),
            None => {
                let Wanted::To(transition) = wanted else { return Ok(()) };
                draft.push(Event::Refused { transition, by, reasons, after: None, run: None });
            }
        }
    }
    for transition in std::mem::take(&mut draft.wanted) {
        let message = format!("more than {MAX_CHAIN} transitions follow from one");
        let reasons = vec![Reason::new(ReasonCode::State, message)];
        draft.push(Event::Refused { transition, by: "kiket".to_owned(), reasons, after: None, run: None });
    }
    Ok(())
}

fn run_ended(draft: &mut Draft<'_>, run: RunId, failed: Option<String>) -> Result<(), Undecided> {
    let Some(pending) = draft.item.pending.clone().filter(|pending| pending.run == run) else {
        return Err(Refusal::NotWaiting(run).into());
    };
    let Pending { transition: name, to, by, comment, .. } = pending;
    let machine = draft.machine;
    let transition = machine.transitions_from(&draft.item.state).find(|way| way.name == name && way.to == to);
    match (transition, failed) {
        (Some(transition), None) => {
            change_state(draft, transition, by, comment);
            follow(draft)?;
        }
        (transition, failed) => {
            let message = failed.unwrap_or_else(|| "the workflow no longer has this transition".to_owned());
            let plan = transition.and_then(|transition| transition.plans.failed.as_deref());
            let next = plan.map(|_| next_run(draft));
            let reasons = vec![Reason::new(ReasonCode::Action, message)];
            draft.push(Event::Refused { transition: name.clone(), by, reasons, after: Some(run), run: next });
            if let Some(transition) = transition {
                actions::touch_item(draft, &transition.on_failure, Some(transition));
                start(draft, plan, &name, false, &[(Section::Failure, &transition.on_failure)], Some(transition));
                follow(draft)?;
            }
        }
    }
    Ok(())
}

impl Item {
    /// Returns what ends the wait for a run where the workflow cannot be had any more: without it nothing can be
    /// decided, and an item must not wait for ever. Nothing for one that does not wait for it.
    #[must_use]
    pub fn abandon(&self, run: RunId, reason: &str) -> Vec<Event> {
        let pending = self.pending.as_ref().filter(|pending| pending.run == run);
        let refused = |pending: &Pending| Event::Refused {
            transition: pending.transition.clone(),
            by: pending.by.clone(),
            reasons: vec![Reason::new(ReasonCode::Action, reason)],
            after: Some(run),
            run: None,
        };
        pending.map(refused).into_iter().collect()
    }
}

/// Asks for a run, where there is one to start.
fn start(
    draft: &mut Draft<'_>,
    plan: Option<&str>,
    name: &str,
    waits: bool,
    sections: &[(Section, &[Step])],
    transition: Option<&TransitionPlan>,
) -> Option<RunId> {
    let plan = plan?.to_owned();
    let run = next_run(draft);
    let inputs = actions::inputs_of(draft, sections, transition);
    let item = draft.item.snapshot(draft.machine);
    draft.starts.push(StartRun { run, plan, transition: name.to_owned(), waits, inputs, item });
    Some(run)
}

/// The id of the next run that is asked for.
fn next_run(draft: &Draft<'_>) -> RunId {
    draft.context.run.nth(draft.starts.len())
}
