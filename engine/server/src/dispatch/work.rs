//! Work that is under way: what a slot was given to do, and how it is told to stop.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kiket_core::plan::Plan;
use kiket_core::revision::Revision;
use kiket_core::run::Run;
use kiket_core::{ProjectId, RunId};
use kiket_store::{Held, Lease, WorkKey};
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
    /// Keeps the lease alive as long as the assignment is.
    pub(super) _listed: Listed,
}

/// The assignments there are, by the keys of their work. Only what is listed here keeps
/// its lease: an assignment that is dropped, whatever the reason, is taken up again.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Mutex<Rows>>);

/// The fence an assignment has its row under, and what stops it.
type Rows = BTreeMap<WorkKey, (i64, CancellationToken)>;

/// A place in the list, given up when it is dropped.
pub(crate) struct Listed {
    running: Running,
    held: Held,
}

impl Running {
    /// Lists an assignment; the token stops it.
    pub(super) fn list(&self, held: Held) -> (Listed, CancellationToken) {
        let stop = CancellationToken::new();
        self.lock().insert(held.key.clone(), (held.fence, stop.clone()));
        (Listed { running: self.clone(), held }, stop)
    }

    /// Stops the assignment on a row of work that has ended.
    pub(super) fn stop(&self, key: &WorkKey) {
        if let Some((_, stop)) = self.lock().get(key) {
            stop.cancel();
        }
    }

    /// Returns the keys of all assignments, in order.
    pub(super) fn keys(&self) -> Vec<WorkKey> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut rows = self.running.lock();
        // The row may have run out and be listed again under a newer fence.
        if rows.get(&self.held.key).is_some_and(|(fence, _)| *fence == self.held.fence) {
            rows.remove(&self.held.key);
        }
    }
}
