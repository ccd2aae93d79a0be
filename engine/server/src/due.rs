//! Work of one kind that is done when it is due, several rows side by side: timed looks at projects, times of
//! schedules, statuses for forges.
//!
//! The rows are all there is: after a restart the loop finds them where they are. A wake-up that is lost, or a clock
//! that is set, costs [`Due::longest`] at most.

use std::time::Duration;

use kiket_store::{Claim, Store, StoreError, TaskKind, Work};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::clock;

/// How long the loop sleeps at least.
const SHORTEST: Duration = Duration::from_millis(10);
/// How long it waits after a failure of the database.
const PAUSE: Duration = Duration::from_secs(1);

/// A loop over due work.
pub(crate) struct Due {
    pub(crate) store: Store,
    pub(crate) owner: String,
    pub(crate) kind: TaskKind,
    /// How much is done side by side.
    pub(crate) at_once: usize,
    /// Longer than it takes to do one of them.
    pub(crate) lease: Duration,
    /// How long the loop sleeps at most.
    pub(crate) longest: Duration,
}

impl Due {
    /// Works for ever; what is under way when this is dropped is cut off. `wake` says that work was put.
    pub(crate) async fn run<F>(&self, wake: &Notify, act: impl Fn(Work) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut acts = JoinSet::new();
        loop {
            match self.claim(self.at_once - acts.len()).await {
                Ok(claimed) => claimed.into_iter().for_each(|work| _ = acts.spawn(act(work))),
                Err(error) => {
                    tracing::error!(kind = %self.kind, %error, "work that is due cannot be claimed");
                    // What is due stays due, and would be asked for again at once.
                    tokio::time::sleep(PAUSE).await;
                }
            }
            let wait = if acts.len() < self.at_once { self.until_due().await } else { self.longest };
            tokio::select! {
                Some(_) = acts.join_next(), if !acts.is_empty() => {}
                () = wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Claims what is due now, `room` at most.
    pub(crate) async fn claim(&self, room: usize) -> Result<Vec<Work>, StoreError> {
        if room == 0 {
            return Ok(Vec::new());
        }
        let (owner, now) = (self.owner.clone(), clock::now());
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        self.store.claim(Claim { owner, kinds: vec![self.kind], limit, now, until: now.after(self.lease) }).await
    }

    async fn until_due(&self) -> Duration {
        match self.store.earliest_due(&[self.kind]).await {
            Ok(Some(due)) => clock::until(due).clamp(SHORTEST, self.longest),
            _ => self.longest,
        }
    }
}
