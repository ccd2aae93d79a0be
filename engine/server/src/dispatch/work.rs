//! Work that is under way: what a slot was given to do, and how it is told to stop.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kiket_core::plan::Plan;
use kiket_core::revision::Revision;
use kiket_core::run::{Event, Run};
use kiket_core::{ProjectId, RunId};
use kiket_store::{Held, Lease};
use tokio_util::sync::CancellationToken;

use super::Slot;
use crate::clock;

/// How long work belongs to whoever took it, unless the lease is renewed.
pub(crate) const LEASE: Duration = Duration::from_secs(15);

/// Returns a lease for `owner` from now on.
pub(crate) fn lease(owner: &str) -> Lease {
    Lease { owner: owner.to_owned(), until: clock::now().after(LEASE) }
}

/// One attempt of a stage, leased to this process and given a slot.
pub(crate) struct Assignment {
    pub(crate) run: RunId,
    pub(crate) project: ProjectId,
    pub(crate) stage: Arc<str>,
    pub(crate) attempt: u32,
    pub(crate) plan: Arc<Plan>,
    pub(crate) revision: Arc<Revision>,
    /// The run as it was when the attempt began.
    pub(crate) state: Run,
    pub(crate) held: Held,
    /// Cancelled when the attempt is not wanted any more.
    pub(crate) stop: CancellationToken,
    pub(crate) slot: Slot,
}

/// The attempts under way, by run and stage.
#[derive(Default)]
pub(super) struct Running(Mutex<HashMap<(RunId, Arc<str>), CancellationToken>>);

impl Running {
    pub(super) fn started(&self, assignment: &Assignment) {
        let key = (assignment.run, Arc::clone(&assignment.stage));
        self.lock().insert(key, assignment.stop.clone());
    }

    /// Stops the attempts of stages that have ended; for those that ended by themselves
    /// that changes nothing.
    pub(super) fn stop(&self, run: RunId, events: &[Event]) {
        for event in events {
            let ended = matches!(
                event,
                Event::StageSucceeded { .. } | Event::StageFailed { .. } | Event::StageCancelled { .. } | Event::StageRetrying { .. }
            );
            if let (true, Some(stage)) = (ended, event.stage())
                && let Some(stop) = self.lock().remove(&(run, Arc::clone(stage)))
            {
                stop.cancel();
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(RunId, Arc<str>), CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
