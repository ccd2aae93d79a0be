//! Looking at projects now and then, so that what a lost webhook should have told is found.
//!
//! Each project has a row of work as its timer, which is put off to the next time whenever it was looked at. Nothing
//! else is kept: after a restart the timers go on where they are.

use std::sync::Arc;
use std::time::Duration;

use kiket_core::ProjectId;
use kiket_store::{
    Change, CommitError, Held, Project, SYNC_PRIORITY, Store, Task, TaskKind, Work, WorkChange, WorkUpdate,
};
use tokio_util::sync::CancellationToken;

use super::Publisher;
use crate::clock;
use crate::due::Due;

/// How many projects are looked at side by side.
const AT_ONCE: usize = 4;
/// Longer than a look takes, so that a lease outlives it.
const LEASE: Duration = Duration::from_secs(600);
/// How long a worker sleeps at most; only a clock that was set or a lease that ran out needs that.
const LONGEST: Duration = Duration::from_secs(60);
/// How seldom a project is looked at that fails again and again, unless it is meant to be looked at less often.
const MOST: Duration = Duration::from_secs(3600);

/// Looks at projects whenever it is time, until `shutdown`.
pub(crate) async fn look_now_and_then(publisher: Arc<Publisher>, owner: String, shutdown: CancellationToken) {
    let (store, owner) = (publisher.store.clone(), format!("{owner}/schedule"));
    let due = Due { store, owner, kind: TaskKind::Sync, at_once: AT_ONCE, lease: LEASE, longest: LONGEST };
    tokio::select! {
        () = due.run(&publisher.timers, |work| look(Arc::clone(&publisher), work)) => {}
        () = shutdown.cancelled() => {}
    }
}

async fn look(publisher: Arc<Publisher>, work: Work) {
    let held = work.held();
    let store = &publisher.store;
    let Task::Sync { project } = work.task else { return };
    let done = match store.project(project).await {
        Ok(Some(row)) => {
            if let Err(failure) = publisher.sync(&row, None, "schedule").await {
                tracing::warn!(project = %row.name, %failure, "a project cannot be looked at");
            }
            put_off(store, project, held).await
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
