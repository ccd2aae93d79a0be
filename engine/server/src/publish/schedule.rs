//! Looking at projects now and then, so that what a lost webhook should have told is found.
//!
//! Each project has a row of work as its timer, which is put off to the next time whenever it was looked at. Nothing
//! else is kept: after a restart the timers go on where they are.

use std::sync::Arc;
use std::time::Duration;

use kiket_core::ProjectId;
use kiket_store::{
    Change, Claim, CommitError, Held, Project, SYNC_PRIORITY, Store, StoreError, Task, TaskKind, Work, WorkChange,
    WorkUpdate,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Publisher;
use crate::clock;

/// How many projects are looked at side by side.
const AT_ONCE: usize = 4;
/// Longer than a look takes, so that a lease outlives it.
const LEASE: Duration = Duration::from_secs(600);
/// How long a worker sleeps at most; only a clock that was set or a lease that ran out needs that.
const LONGEST: Duration = Duration::from_secs(60);
/// How long it waits after a failure of the database.
const PAUSE: Duration = Duration::from_secs(1);
/// How long it sleeps at least.
const SHORTEST: Duration = Duration::from_millis(50);
/// How seldom a project is looked at that fails again and again, unless it is meant to be looked at less often.
const MOST: Duration = Duration::from_secs(3600);

/// Looks at projects whenever it is time, until it is told to stop.
pub(crate) struct Schedule {
    pub(crate) store: Store,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) owner: String,
}

impl Schedule {
    /// Works until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut looks = JoinSet::new();
        loop {
            let room = AT_ONCE - looks.len();
            match self.claim(room).await {
                Ok(claimed) => {
                    for work in claimed {
                        looks.spawn(look(self.store.clone(), Arc::clone(&self.publisher), work));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "projects that are due cannot be claimed");
                    // What is due stays due, and would be asked for again at once.
                    tokio::time::sleep(PAUSE).await;
                }
            }
            let wait = if looks.len() < AT_ONCE { self.until_due().await } else { LONGEST };
            tokio::select! {
                () = shutdown.cancelled() => return,
                Some(_) = looks.join_next(), if !looks.is_empty() => {}
                () = self.publisher.timers.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn claim(&self, room: usize) -> Result<Vec<Work>, StoreError> {
        if room == 0 {
            return Ok(Vec::new());
        }
        let now = clock::now();
        let owner = format!("{}/schedule", self.owner);
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        self.store.claim(Claim { owner, kinds: vec![TaskKind::Sync], limit, now, until: now.after(LEASE) }).await
    }

    async fn until_due(&self) -> Duration {
        match self.store.earliest_due(&[TaskKind::Sync]).await {
            Ok(Some(due)) => clock::until(due).clamp(SHORTEST, LONGEST),
            _ => LONGEST,
        }
    }
}

async fn look(store: Store, publisher: Arc<Publisher>, work: Work) {
    let held = work.held();
    let Task::Sync { project } = work.task else { return };
    let done = match store.project(project).await {
        Ok(Some(row)) => {
            if let Err(failure) = publisher.sync(&row, None, "schedule").await {
                tracing::warn!(project = %row.name, %failure, "a project cannot be looked at");
            }
            put_off(&store, project, held).await
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error.into()),
    };
    match done {
        // Whoever has set the timer anew in the meantime is right.
        Ok(()) | Err(CommitError::Conflict(_)) => {}
        Err(CommitError::Store(error)) => tracing::error!(%project, %error, "the timer of a project cannot be set"),
    }
}

async fn put_off(store: &Store, project: ProjectId, held: Held) -> Result<(), CommitError> {
    let Some(row) = store.project(project).await? else { return Ok(()) };
    let task = Task::Sync { project };
    let change = match pause(&row) {
        Some(pause) => WorkChange::Put { task, priority: SYNC_PRIORITY, due: clock::now().after(pause), lease: None },
        None => WorkChange::Done(task.key()),
    };
    store.commit(vec![Change::Work(WorkUpdate { held: Some(held), work: vec![change] })]).await.map(drop)
}

/// How long until the next look: twice as long with each failure in a row.
fn pause(project: &Project) -> Option<Duration> {
    let every = Duration::from_millis(project.sync_every?.unsigned_abs());
    let doublings = u32::try_from(project.sync_failures.clamp(0, 16)).unwrap_or(0);
    Some(every.saturating_mul(1 << doublings).min(MOST.max(every)))
}
