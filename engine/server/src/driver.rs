//! The driver: gives ready stages to slots and runs them to their ends.
//!
//! Stages reach it in two ways: leased by the commit that readied them, or claimed
//! from the store when slots are free. The first is only faster; the second alone
//! would do, and is how work is found again after a restart.

mod attempt;
mod calls;
pub(crate) mod guests;
mod recovery;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kiket_core::RunId;
use kiket_core::planted::{Bug, planted};
use kiket_host::Outbound;
use kiket_store::{Claim, Held, Store, StoreError, Task, TaskKind, Work};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::artifacts::Artifacts;
use crate::deployments::Deployments;
use crate::dispatch::{Assignment, Dispatch, DispatchError, LEASE, Slot, Slots};
use crate::items::Items;
use crate::ledger::Ledger as _;
use crate::metrics::Metrics;
use crate::plugins::Plugins;
use crate::programs::Programs;
use crate::revisions::RevisionError;
use crate::secrets::Secrets;
use crate::workspaces::Workspaces;
use crate::{clock, dead_letters};

#[cfg(test)]
pub(crate) use calls::effect::{Denied, Effects, End, Tried};
pub(crate) use guests::Guests;
#[cfg(test)]
pub(crate) use recovery::settle;
pub(crate) use worker::{Known, Performed, Worker};

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
    handed: mpsc::UnboundedReceiver<Assignment>,
    shutdown: CancellationToken,
) {
    drive(&Arc::new(driver), handed, shutdown).await;
    drop(guests);
}

/// The loop of [`run`].
pub(crate) async fn drive<W: Worker>(
    worker: &Arc<W>,
    mut handed: mpsc::UnboundedReceiver<Assignment>,
    shutdown: CancellationToken,
) {
    let receive = async {
        while let Some(assignment) = handed.recv().await {
            worker.spawn(attempt::run(Arc::clone(worker), assignment));
        }
    };
    // In this order, so that a simulation goes the same way twice. Nobody starves: whenever one of them is looked at all
    // are, as long as none ends.
    tokio::select! {
        biased;
        () = shutdown.cancelled() => {}
        () = receive => {}
        () = renew_for_ever(worker) => {}
        () = claim_for_ever(worker) => {}
    }
}

async fn claim_for_ever<W: Worker>(worker: &Arc<W>) {
    let mut readied = worker.ledger().readied();
    loop {
        readied.mark_unchanged();
        match claim(worker).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, "work cannot be claimed");
                // What is due stays due: without a pause this would be asked again at once, and for ever.
                tokio::time::sleep(POLL).await;
            }
        }
        if planted(Bug::WakeUpLost) {
            std::future::pending::<()>().await;
        }
        let _ = timeout(until_due(worker).await, readied.changed()).await;
    }
}

/// Claims as much as there are free slots; tells whether there may be more.
async fn claim<W: Worker>(worker: &Arc<W>) -> Result<bool, StoreError> {
    let mut slots = vec![worker.slots().wait().await];
    while slots.len() < BATCH {
        match worker.slots().take() {
            Some(slot) => slots.push(slot),
            None => break,
        }
    }
    let now = clock::now();
    let claim = Claim {
        owner: worker.owner().to_owned(),
        kinds: KINDS.to_vec(),
        limit: u32::try_from(slots.len()).unwrap_or(u32::MAX),
        now,
        until: now.after(LEASE),
    };
    let claimed = worker.ledger().claim(claim).await?;
    let more = claimed.len() == slots.len();
    worker.slots().set_backlog(more);
    for (work, slot) in claimed.into_iter().zip(slots) {
        worker.spawn(take_up(Arc::clone(worker), work, slot));
    }
    Ok(more)
}

async fn take_up<W: Worker>(worker: Arc<W>, work: Work, slot: Slot) {
    let held: Held = work.held();
    let tries = held.fence;
    let (run, result) = match work.task {
        Task::Stage { run, stage, .. } => match begin(&worker, run, stage, &held, slot).await {
            Ok(Some(assignment)) => {
                dead_letters::note_run(worker.ledger(), run, tries, None).await;
                return attempt::run(worker, assignment).await;
            }
            Ok(None) => return,
            Err(error) => (run, Err(error)),
        },
        Task::Deadline { run } => {
            drop(slot);
            (run, worker.dispatch().expire(run, held.clone()).await)
        }
        Task::Item { item, run } => {
            drop(slot);
            return worker.item_ended(item, run, held).await;
        }
        Task::Delivery { .. } | Task::Sync { .. } | Task::Status { .. } | Task::Tick { .. } => return,
    };
    let result = match result {
        Err(DispatchError::Revision(reason)) if !matches!(reason, RevisionError::Store(_)) => {
            tracing::error!(run.id = %run, %reason, "a run is given up");
            worker.dispatch().abandon(run, held, &reason).await
        }
        result => result,
    };
    match result {
        Ok(()) | Err(DispatchError::Lost | DispatchError::Rejected(_)) => {}
        Err(error) => {
            tracing::error!(run.id = %run, %error, "work on a run cannot be taken up");
            dead_letters::note_run(worker.ledger(), run, tries, Some(&error.to_string())).await;
        }
    }
}

async fn begin<W: Worker>(
    worker: &Arc<W>,
    run: RunId,
    stage: String,
    held: &Held,
    mut slot: Slot,
) -> Result<Option<Assignment>, DispatchError> {
    let stage: Arc<str> = stage.into();
    loop {
        let found = recovery::find(worker, run, &stage, held).await?;
        match worker.dispatch().begin(run, Arc::clone(&stage), held.clone(), slot, found).await {
            Err(DispatchError::Moved(back)) => slot = back,
            begun => return begun,
        }
    }
}

/// Keeps the leases of everything that is under way.
async fn renew_for_ever<W: Worker>(worker: &Arc<W>) {
    let mut ticks = interval(LEASE / 3);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let started = Instant::now();
        if planted(Bug::LeaseNotRenewed) {
            continue;
        }
        if let Err(error) = worker.dispatch().renew().await {
            tracing::error!(%error, took = ?started.elapsed(), "leases cannot be renewed");
        }
    }
}

/// Returns how long there is nothing to do as far as the store knows.
async fn until_due<W: Worker>(worker: &Arc<W>) -> Duration {
    match worker.ledger().earliest_due(&KINDS).await {
        Ok(Some(due)) => clock::until(due).clamp(Duration::from_millis(1), POLL),
        _ => POLL,
    }
}
