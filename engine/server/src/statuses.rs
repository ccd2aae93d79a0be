//! Telling forges what became of the commits that were pushed: a follower of the log with its own cursor, and the rows
//! of work that it makes.
//!
//! What is posted is how the run stands at that moment, and one project's statuses are posted one after the other. So
//! a forge never hears of an end before the beginning, may hear of an end twice, and always hears of it, unless it
//! refuses or stays away for a day. Runs wait for none of this.

mod post;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kiket_core::{ProjectId, RunId, Timestamp};
use kiket_host::Outbound;
use kiket_store::{Change, CommitError, Filter, MoveCursor, Position, Store, StoreError, Task, WorkChange, WorkUpdate};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::metrics::Metrics;
use crate::secrets::Secrets;
use crate::turns::Turns;

/// Whose cursor it is.
const NAME: &str = "statuses";
/// The events that change what a forge is told.
const KINDS: [&str; 4] = ["run.queued", "run.succeeded", "run.failed", "run.cancelled"];
/// How many entries one read takes.
const PAGE: u32 = 200;
/// How long the log may grow before the follower looks again: it is never in a hurry.
const PAUSE: Duration = Duration::from_millis(50);
/// After how many positions the cursor is kept although nothing was found.
const STRIDE: i64 = 10_000;
/// It goes after everything else.
const PRIORITY: i64 = 20;

/// Tells forges what became of runs.
pub(crate) struct Statuses {
    store: Store,
    secrets: Arc<Secrets>,
    outbound: Outbound,
    metrics: Arc<Metrics>,
    owner: String,
    public_url: String,
    told: Mutex<Told>,
    /// The statuses of one project are posted one after the other.
    turns: Turns,
    /// Told when a project begins to have a forge.
    begun: Notify,
    /// Told when there is something to post.
    found: Notify,
}

/// What is known of the projects' forges.
#[derive(Default)]
struct Told {
    /// The projects that have one.
    projects: HashSet<ProjectId>,
    /// How far the log was read; meanwhile nobody had a forge where it is `None`.
    cursor: Option<Position>,
    /// How often a forge has failed in a row, and until when it is left alone.
    rests: HashMap<ProjectId, (u32, Timestamp)>,
}

impl Statuses {
    /// Takes up what an earlier process has left.
    pub(crate) async fn open(
        store: Store,
        secrets: Arc<Secrets>,
        outbound: Outbound,
        metrics: Arc<Metrics>,
        public_url: &str,
    ) -> Result<Arc<Self>, StoreError> {
        let projects: HashSet<ProjectId> =
            store.projects().await?.into_iter().filter(|project| project.forge.is_some()).map(|one| one.id).collect();
        let cursor = if projects.is_empty() { None } else { Some(store.cursor(NAME).await?) };
        let told = Mutex::new(Told { projects, cursor, ..Told::default() });
        let (owner, public_url) = (format!("node/{}/statuses", clock::ulid()), public_url.to_owned());
        let (turns, begun, found) = (Turns::default(), Notify::new(), Notify::new());
        Ok(Arc::new(Self { store, secrets, outbound, metrics, owner, public_url, told, turns, begun, found }))
    }

    /// Says whether a project has a forge from now on.
    pub(crate) fn set(&self, project: ProjectId, has_forge: bool) {
        let mut told = self.lock();
        told.rests.remove(&project);
        if !has_forge {
            told.projects.remove(&project);
            return;
        }
        if told.projects.is_empty() {
            // What was before anybody wanted to hear of it is not told.
            told.cursor = Some(*self.store.head().borrow());
        }
        told.projects.insert(project);
        self.begun.notify_one();
    }

    /// Has a forge told of a run once more. After the commit it is to be [looked for](Self::look).
    pub(crate) fn repeat(run: RunId) -> Change {
        let put = WorkChange::Put { task: Task::Status { run }, priority: PRIORITY, due: clock::now(), lease: None };
        Change::Work(WorkUpdate { held: None, work: vec![put] })
    }

    /// Looks for something to post.
    pub(crate) fn look(&self) {
        self.found.notify_one();
    }

    /// Follows and posts until `shutdown`.
    pub(crate) async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        tokio::select! {
            () = self.follow() => {}
            () = self.post() => {}
            () = shutdown.cancelled() => {}
        }
    }

    async fn follow(&self) {
        let mut head = self.store.head();
        // Where to begin is kept at once: what was before is not told after a restart either.
        let mut kept = None;
        loop {
            let wanted = { !self.lock().projects.is_empty() };
            if !wanted {
                kept = None;
                self.begun.notified().await;
                continue;
            }
            let seen = *head.borrow_and_update();
            match self.advance(seen, &mut kept).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the log cannot be followed for the forges"),
            }
            tokio::time::sleep(PAUSE).await;
            if head.changed().await.is_err() {
                return;
            }
        }
    }

    /// Reads on, and makes work of what it finds, together with the cursor; tells whether there may be more.
    async fn advance(&self, seen: Position, kept: &mut Option<Position>) -> Result<bool, CommitError> {
        let Some(cursor) = self.lock().cursor else { return Ok(false) };
        let filter = Filter { kinds: KINDS.iter().map(|kind| (*kind).to_owned()).collect(), ..Filter::default() };
        let page = self.store.tail(cursor, &filter, PAGE).await?;
        let more = page.len() == PAGE as usize;
        let last = page.last().map_or(cursor, |entry| entry.position);
        let next = if more { last } else { last.max(seen).max(cursor) };
        let now = clock::now();
        let projects = self.lock().projects.clone();
        let runs = page.iter().filter(|entry| projects.contains(&entry.project)).filter_map(|entry| entry.run);
        let put = |run| WorkChange::Put { task: Task::Status { run }, priority: PRIORITY, due: now, lease: None };
        // A run that began and ended within the page is told of once.
        let mut runs: Vec<_> = runs.collect();
        runs.sort_unstable();
        runs.dedup();
        let work: Vec<WorkChange> = runs.into_iter().map(put).collect();
        if !work.is_empty() || kept.is_none_or(|kept| next.get() - kept.get() >= STRIDE) {
            let found = !work.is_empty();
            let cursor = Change::MoveCursor(MoveCursor { name: NAME, position: next });
            self.store.commit(vec![Change::Work(WorkUpdate { held: None, work }), cursor]).await?;
            *kept = Some(next);
            if found {
                self.found.notify_one();
            }
        }
        let mut told = self.lock();
        // Somebody may have begun anew further on.
        told.cursor = told.cursor.map(|now| now.max(next));
        Ok(more)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
