//! Forgetting what is old, in the background: runs that ended, and whatever else is of no use to anybody by then.
//!
//! A walk goes through everything in small units. Between two of them others have the writer for four times as long as
//! the unit took, so a walk takes a fifth of it at most. It is safe to repeat and keeps nothing: after a crash the next
//! walk finds what is left.
//!
//! What may go, the store decides; see [`Store::forget_some`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use kiket_store::{Bounds, Forgotten, Store, StoreError, Walk};
use tokio_util::sync::CancellationToken;

use crate::artifacts::Artifacts;
use crate::clock;
use crate::metrics::Metrics;

/// Privileged acts are kept for as long as this, and not shorter than runs.
const AUDIT: Duration = Duration::from_secs(365 * 24 * 3600);
/// How long between two walks at least, and at most; in between a tenth of how long runs are kept.
const BETWEEN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));
/// How much longer than a unit others have the writer after it.
const REST: u32 = 4;
/// Rests are at least this long.
const SHORTEST: Duration = Duration::from_millis(2);

/// Forgets what is old.
pub(crate) struct Retention {
    pub(crate) store: Store,
    pub(crate) artifacts: Arc<Artifacts>,
    pub(crate) metrics: Arc<Metrics>,
    /// How long ended runs are kept.
    pub(crate) kept: Duration,
}

impl Retention {
    /// Walks now and then until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let between = (self.kept / 10).clamp(BETWEEN.0, BETWEEN.1);
        let walks = async {
            loop {
                if let Err(error) = self.walk().await {
                    tracing::error!(%error, "what is old cannot be forgotten");
                }
                tokio::time::sleep(between).await;
            }
        };
        tokio::select! {
            () = walks => {}
            () = shutdown.cancelled() => {}
        }
    }

    async fn walk(&self) -> Result<(), StoreError> {
        let now = clock::now();
        let bounds = Bounds { ended: now.before(self.kept), audit: now.before(self.kept.max(AUDIT)) };
        let (mut walk, mut rows, mut runs) = (Walk::default(), 0, 0);
        loop {
            let begun = Instant::now();
            let Some(forgotten) = self.store.forget_some(&bounds, &mut walk).await? else { break };
            let took = begun.elapsed();
            tracing::debug!(rows = forgotten.rows, runs = forgotten.runs, ?took, "a unit is forgotten");
            (rows, runs) = (rows + forgotten.rows, runs + forgotten.runs);
            self.settle(forgotten).await;
            tokio::time::sleep((took * REST).max(SHORTEST)).await;
        }
        if rows > 0 {
            tracing::info!(rows, runs, "what was old is forgotten");
        }
        Ok(())
    }

    async fn settle(&self, forgotten: Forgotten) {
        self.metrics.forgotten(forgotten.runs);
        if let Err(error) = self.artifacts.let_go(&forgotten.digests).await {
            tracing::warn!(%error, "artifacts that nobody has stay until the next start");
        }
    }
}
