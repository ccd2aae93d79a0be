//! Which transition is meant, and whether it is open.

use super::command::{Undecided, Wanted};
use super::decide::Draft;
use super::reasons::{Against, Reason, ReasonCode};
use crate::machine::{Machine, TransitionPlan};

/// Chooses the transition that is meant, with every reason against it. Of several ways to one state the first that is
/// open counts; whether a guarded one is open is known only when its guards were asked.
pub(super) fn choose<'d>(
    draft: &Draft<'d>,
    wanted: &Wanted,
) -> Result<(Option<&'d TransitionPlan>, Vec<Reason>), Undecided> {
    let (machine, item) = (draft.machine, &draft.item);
    let mut reasons: Vec<Reason> = item.pending_reason().into_iter().collect();
    let waits = !reasons.is_empty();
    let fits = |transition: &&TransitionPlan| match wanted {
        Wanted::Name(name) => transition.name == *name,
        Wanted::To(state) => transition.to == *state,
    };
    let mut first = None;
    for transition in machine.transitions_from(&item.state).filter(fits) {
        let Against { reasons: found, open } = item.against(machine, transition, draft.context);
        if !open.is_empty() && !waits {
            return Err(Undecided::Asks(open));
        }
        if found.is_empty() {
            return Ok((Some(transition), reasons));
        }
        first.get_or_insert((transition, found));
    }
    match first {
        Some((transition, found)) => {
            reasons.extend(found);
            Ok((Some(transition), reasons))
        }
        None => {
            reasons.push(Reason::new(ReasonCode::State, no_way(machine, &item.state, wanted)));
            Ok((None, reasons))
        }
    }
}

fn no_way(machine: &Machine, state: &str, wanted: &Wanted) -> String {
    if machine.state(state).is_none() {
        return format!("the item is in state \"{state}\", which workflow \"{}\" no longer has", machine.workflow);
    }
    let ways: Vec<String> =
        machine.transitions_from(state).map(|way| format!("\"{}\" to {}", way.name, way.to)).collect();
    let known = if ways.is_empty() { "nothing does".to_owned() } else { format!("what does: {}", ways.join(", ")) };
    match wanted {
        Wanted::Name(name) => format!("no transition \"{name}\" leads out of {state}; {known}"),
        Wanted::To(to) => format!("no transition leads from {state} to {to}; {known}"),
    }
}
