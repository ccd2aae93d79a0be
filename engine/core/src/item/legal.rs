//! The law: which events the state before allows. For checks of what is stored; `decide` knows more, and never asks.
//!
//! It says nothing of what the workflow alone knows: which transitions there are.

use super::event::Event;
use super::state::Item;
use crate::run::{Illegal, demand};

impl Item {
    /// Tells whether an event may follow on this state.
    ///
    /// # Errors
    /// Why it may not.
    pub fn allows(&self, event: &Event) -> Result<(), Illegal> {
        if let Event::Created { .. } = event {
            return demand(self.created.is_none(), || "item.created of an item that is there".to_owned());
        }
        demand(self.created.is_some(), || format!("{} of an item that is not there", event.kind()))?;
        let waits = |transition: &str, to: &str| {
            self.pending.as_ref().is_none_or(|pending| pending.transition == transition && pending.to == to)
        };
        let fits = match event {
            Event::Waiting { from, .. } => self.pending.is_none() && *from == self.state,
            Event::Transitioned { transition, from, to, .. } => *from == self.state && waits(transition, to),
            Event::Refused { after: Some(run), .. } => self.pending.as_ref().is_some_and(|pending| pending.run == *run),
            _ => true,
        };
        demand(fits, || {
            let pending = self.pending.as_ref().map(|pending| format!(" and waits for \"{}\"", pending.transition));
            format!("{} of an item that is in \"{}\"{}", event.kind(), self.state, pending.unwrap_or_default())
        })
    }
}
