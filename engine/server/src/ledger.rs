//! What dispatch and the driver see of the store, and nothing more: to commit, to claim, and to read where a run stands.
//!
//! The server has [`Store`]; the simulation has one in memory that fails on purpose. Calls are dispatched statically.

use kiket_core::{RunId, Timestamp};
use kiket_store::{
    Change, Claim, CommitError, Effect, Journal, Position, RunRow, Store, StoreError, TaskKind, Work, WorkKey,
};
use tokio::sync::watch;

/// A store as far as runs and their work are concerned. Every call means what that of [`Store`] does.
pub(crate) trait Ledger: Clone + Send + Sync + 'static {
    /// Commits one unit.
    fn commit(&self, changes: Vec<Change>) -> impl Future<Output = Result<Position, CommitError>> + Send;

    /// Takes due work that nobody holds.
    fn claim(&self, claim: Claim) -> impl Future<Output = Result<Vec<Work>, StoreError>> + Send;

    /// Moves the end of leases.
    fn renew(
        &self,
        owner: &str,
        keys: Vec<WorkKey>,
        until: Timestamp,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Reads when the next work that nobody holds is due.
    fn earliest_due(&self, kinds: &[TaskKind]) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;

    /// Reads a run.
    fn run(&self, id: RunId) -> impl Future<Output = Result<Option<RunRow>, StoreError>> + Send;

    /// Reads the effects of a journal in order.
    fn effects(&self, journal: &Journal) -> impl Future<Output = Result<Vec<Effect>, StoreError>> + Send;

    /// Changes after every commit that put work nobody holds.
    fn readied(&self) -> watch::Receiver<u64>;
}

impl Ledger for Store {
    fn commit(&self, changes: Vec<Change>) -> impl Future<Output = Result<Position, CommitError>> + Send {
        Self::commit(self, changes)
    }

    fn claim(&self, claim: Claim) -> impl Future<Output = Result<Vec<Work>, StoreError>> + Send {
        Self::claim(self, claim)
    }

    fn renew(
        &self,
        owner: &str,
        keys: Vec<WorkKey>,
        until: Timestamp,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send {
        Self::renew(self, owner, keys, until)
    }

    fn earliest_due(&self, kinds: &[TaskKind]) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send {
        Self::earliest_due(self, kinds)
    }

    fn run(&self, id: RunId) -> impl Future<Output = Result<Option<RunRow>, StoreError>> + Send {
        Self::run(self, id)
    }

    fn effects(&self, journal: &Journal) -> impl Future<Output = Result<Vec<Effect>, StoreError>> + Send {
        Self::effects(self, journal)
    }

    fn readied(&self) -> watch::Receiver<u64> {
        Self::readied(self)
    }
}
