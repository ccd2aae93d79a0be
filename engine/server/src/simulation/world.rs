//! The far side of every effect: it counts what really happened, and survives all crashes.

use std::collections::{BTreeMap, BTreeSet};

use kiket_core::RunId;
use kiket_core::manifest::Effect as Class;

/// Names a call of a stage: the run, the stage, and which of its effects.
pub(super) type Call = (RunId, String, u32);

/// What is known of one call.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// How often it happened.
    pub(super) happened: u32,
    /// What it was asked with, the first time.
    body: String,
    /// How many are on their way.
    in_flight: u32,
    /// How many were sent by somebody who does not hold the work any more.
    late: u32,
    /// The journals in which the plugin has had an answer.
    answered: BTreeSet<u32>,
}

/// Everything that happened outside.
#[derive(Debug, Default)]
pub(super) struct World(BTreeMap<Call, Known>);

impl World {
    /// A call is on its way. Answers what is wrong with that: nothing where it is `late`, sent by somebody who held the
    /// work when it was noted and does not any more. That is the one call in doubt, and nothing can stop it.
    pub(super) fn send(&mut self, call: &Call, journal: u32, late: bool) -> Option<String> {
        let known = self.0.entry(call.clone()).or_default();
        known.in_flight += 1;
        known.late += u32::from(late);
        let again = known.answered.contains(&journal) && !late;
        again.then(|| format!("{call:?} is done again, although its answer was there"))
    }

    /// It arrives, and happens. Answers what is wrong with that; plugins that go `astray` may ask for anything.
    pub(super) fn happen(&mut self, call: &Call, class: Class, body: &str, astray: bool) -> Option<String> {
        let known = self.0.entry(call.clone()).or_default();
        known.happened += 1;
        if known.happened > 1 && known.body != body && !astray {
            return Some(format!("{call:?} asks for something else the second time"));
        }
        body.clone_into(&mut known.body);
        (class == Class::Once && known.happened > 1 + known.late)
            .then(|| format!("{call:?} may happen once and happened {} times", known.happened))
    }

    /// It is not on its way any more.
    pub(super) fn land(&mut self, call: &Call) {
        if let Some(known) = self.0.get_mut(call) {
            known.in_flight -= 1;
        }
    }

    /// The plugin has its answer.
    pub(super) fn answer(&mut self, call: &Call, journal: u32) {
        self.0.entry(call.clone()).or_default().answered.insert(journal);
    }

    /// How often a call happened.
    pub(super) fn happened(&self, call: &Call) -> u32 {
        self.0.get(call).map_or(0, |known| known.happened)
    }

    /// Whether anything of a stage is on its way.
    pub(super) fn is_in_flight(&self, run: RunId, stage: &str) -> bool {
        self.of(run, stage).any(|known| known.in_flight > 0)
    }

    /// Whether anything of a stage happened.
    pub(super) fn any(&self, run: RunId, stage: &str) -> bool {
        self.of(run, stage).any(|known| known.happened > 0)
    }

    fn of(&self, run: RunId, stage: &str) -> impl Iterator<Item = &Known> {
        let (from, to) = ((run, stage.to_owned(), 0), (run, stage.to_owned(), u32::MAX));
        self.0.range(from..=to).map(|(_, known)| known)
    }
}
