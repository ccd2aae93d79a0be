//! The driver: gives ready stages to slots and runs them to their ends.
//!
//! Stages reach it in two ways: leased by the commit that readied them, or claimed
//! from the store when slots are free. The first is only faster; the second alone
//! would do, and is how work is found again after a restart.

mod attempt;
mod calls;
pub(crate) mod guests;
mod recovery;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kiket_core::RunId;
use kiket_host::Outbound;
use kiket_store::{Claim, Held, Store, StoreError, Task, TaskKind, Work};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::artifacts::Artifacts;
use crate::{clock, dead_letters};
use crate::deployments::Deployments;
use crate::dispatch::{Assignment, Dispatch, DispatchError, LEASE, Slot, Slots};
use crate::items::Items;
use crate::metrics::Metrics;
use crate::plugins::Plugins;
use crate::programs::Programs;
use crate::revisions::RevisionError;
use crate::secrets::Secrets;
use crate::workspaces::Workspaces;

pub(crate) use guests::Guests;

/// How long the driver sleeps at most before it looks for work: what a lost wake-up costs.
const POLL: Duration = Duration::from_secs(1);
/// The kinds of work it takes up.
const KINDS: [TaskKind; 3] = [TaskKind::Stage, TaskKind::Deadline, TaskKind::Item];
/// How many rows one claim takes at most.
const BATCH: usize = 32;

/// What the driver works with.
pub(crate) struct Driver {
    pub(crate) store: Store,
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) items: Arc<Items>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) deployments: Arc<Deployments>,
    pub(crate) outbound: Outbound,
    pub(crate) workspaces: Arc<Workspaces>,
    pub(crate) artifacts: Arc<Artifacts>,
    pub(crate) programs: Arc<Programs>,
    /// The folder of the projects' mirrors.
    pub(crate) mirrors: PathBuf,
    pub(crate) slots: Arc<Slots>,
    pub(crate) owner: String,
    pub(crate) guests: Handle,
    /// CPU time of one attempt.
    pub(crate) cpu: Duration,
    pub(crate) metrics: Arc<Metrics>,
}

/// Runs until `shutdown`, then waits for nothing: what is under way is cut off, and found again by its lease.
pub(crate) async fn run(
    driver: Driver,
    guests: Guests,
    mut handed: mpsc::UnboundedReceiver<Assignment>,
    shutdown: CancellationToken,
) {
    let driver = Arc::new(driver);
    let receive = async {
        while let Some(assignment) = handed.recv().await {
            driver.guests.spawn(attempt::run(Arc::clone(&driver), assignment));
        }
    };
    tokio::select! {
        () = receive => {}
        () = claim_for_ever(&driver) => {}
        () = renew_for_ever(&driver) => {}
        () = shutdown.cancelled() => {}
    }
    drop(guests);
}

async fn claim_for_ever(driver: &Arc<Driver>) {
    let mut readied = driver.store.readied();
    loop {
        readied.mark_unchanged();
        match claim(driver).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "work cannot be claimed"),
        }
        let _ = timeout(until_due(driver).await, readied.changed()).await;
    }
}

/// Claims as much as there are free slots; tells whether there may be more.
async fn claim(driver: &Arc<Driver>) -> Result<bool, StoreError> {
    let mut slots = vec![driver.slots.wait().await];
    while slots.len() < BATCH {
        match driver.slots.take() {
            Some(slot) => slots.push(slot),
            None => break,
        }
    }
    let now = clock::now();
    let claim = Claim {
        owner: driver.owner.clone(),
        kinds: KINDS.to_vec(),
        limit: u32::try_from(slots.len()).unwrap_or(u32::MAX),
        now,
        until: now.after(LEASE),
    };
    let claimed = driver.store.claim(claim).await?;
    let more = claimed.len() == slots.len();
    driver.slots.set_backlog(more);
    for (work, slot) in claimed.into_iter().zip(slots) {
        driver.guests.spawn(take_up(Arc::clone(driver), work, slot));
    }
    Ok(more)
}

async fn take_up(driver: Arc<Driver>, work: Work, slot: Slot) {
    let held: Held = work.held();
    let tries = held.fence;
    let (run, result) = match work.task {
        Task::Stage { run, stage, .. } => match begin(&driver, run, stage, &held, slot).await {
            Ok(Some(assignment)) => {
                dead_letters::note_run(&driver.store, run, tries, None).await;
                return attempt::run(driver, assignment).await;
            }
            Ok(None) => return,
            Err(error) => (run, Err(error)),
        },
        Task::Deadline { run } => {
            drop(slot);
            (run, driver.dispatch.expire(run, held.clone()).await)
        }
        Task::Item { item, run } => {
            drop(slot);
            if let Err(error) = driver.items.run_ended(item, run, held).await {
                tracing::error!(item.id = %item, run.id = %run, %error, "an item cannot go on after its actions");
                dead_letters::note_item(&driver.store, item, run, tries, Some(&error.to_string())).await;
            } else {
                dead_letters::note_item(&driver.store, item, run, tries, None).await;
            }
            return;
        }
        Task::Delivery { .. } | Task::Sync { .. } | Task::Status { .. } => return,
    };
    let result = match result {
        Err(DispatchError::Revision(reason)) if !matches!(reason, RevisionError::Store(_)) => {
            tracing::error!(run.id = %run, %reason, "a run is given up");
            driver.dispatch.abandon(run, held, &reason).await
        }
        result => result,
    };
    match result {
        Ok(()) | Err(DispatchError::Lost | DispatchError::Rejected(_)) => {}
        Err(error) => {
            tracing::error!(run.id = %run, %error, "work on a run cannot be taken up");
            dead_letters::note_run(&driver.store, run, tries, Some(&error.to_string())).await;
        }
    }
}

async fn begin(
    driver: &Arc<Driver>,
    run: RunId,
    stage: String,
    held: &Held,
    slot: Slot,
) -> Result<Option<Assignment>, DispatchError> {
    let found = recovery::find(driver, run, &stage, held).await?;
    driver.dispatch.begin(run, stage.into(), held.clone(), slot, found).await
}

/// Keeps the leases of everything that is under way.
async fn renew_for_ever(driver: &Driver) {
    let mut ticks = interval(LEASE / 3);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let started = Instant::now();
        if let Err(error) = driver.dispatch.renew().await {
            tracing::error!(%error, took = ?started.elapsed(), "leases cannot be renewed");
        }
    }
}

/// Returns how long there is nothing to do as far as the store knows.
async fn until_due(driver: &Driver) -> Duration {
    match driver.store.earliest_due(&KINDS).await {
        Ok(Some(due)) => clock::until(due).clamp(Duration::from_millis(1), POLL),
        _ => POLL,
    }
}
