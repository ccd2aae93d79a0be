//! Commands on runs: load, decide, commit, hand over. Every change to a run goes this way.
//!
//! A run is changed by one task of this process at a time; what another process
//! did shows as a conflict on its sequence number, and the command is decided
//! again on the newer state. The commit that readies a stage leases it to a free
//! slot right away where there is one, so that no queue is polled in between.

mod live;
mod slots;
mod start;
mod stored;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kiket_core::RunId;
use kiket_core::planted::{Bug, planted};
use kiket_core::run::{Actor, Command, Found, Outcome, Rejected, Resolution, Run, StageError};
use kiket_store::{Change, CommitError, Conflict, Held, Records, RunChange, Seq, Store, StoreError, Write};
use tokio::sync::mpsc;

use live::Live;
pub(crate) use slots::{Slot, Slots};
pub(crate) use start::{Before, NewRun, Start};
pub(crate) use stored::{Snapshot, journal_of};
use stored::{forget, parse_state};
pub(crate) use work::{Assignment, LEASE, Listed};

use crate::ledger::Ledger;
use crate::revisions::{Plans, RevisionError, Revisions};
use crate::{clock, dead_letters};

/// Why a command on a run came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DispatchError {
    /// There is no such run.
    #[error("there is no run {0}")]
    UnknownRun(RunId),
    /// The run refuses the command.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The work it rests on belongs to somebody else by now.
    #[error("the work belongs to somebody else by now")]
    Lost,
    /// The run has moved on since it was looked at: look again. The slot comes back.
    #[error("the run has moved on since it was looked at")]
    Moved(Slot),
    /// The same cause has already started a run.
    #[error("the same cause has already started run {0}")]
    Duplicate(RunId),
    /// The run's definitions cannot be had.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Applies commands to runs.
pub(crate) struct Dispatch<L = Store, P = Revisions> {
    store: L,
    revisions: Arc<P>,
    slots: Arc<Slots>,
    owner: String,
    handed: mpsc::UnboundedSender<Assignment>,
    live: Mutex<HashMap<RunId, Arc<tokio::sync::Mutex<Live>>>>,
    running: work::Running,
}

impl<L: Ledger, P: Plans> Dispatch<L, P> {
    /// Makes a dispatch whose leases belong to `owner`; assignments go out through `handed`.
    pub(crate) fn new(
        store: L,
        revisions: Arc<P>,
        slots: Arc<Slots>,
        owner: String,
        handed: mpsc::UnboundedSender<Assignment>,
    ) -> Self {
        Self { store, revisions, slots, owner, handed, live: Mutex::default(), running: work::Running::default() }
    }

    /// Starts a run and hands its first stages to free slots. Returns the run as it begins.
    pub(crate) async fn start(&self, start: impl Into<Start>) -> Result<Run, DispatchError> {
        let start = start.into();
        let id = start.new.queued.id;
        let plan = self.plan_of(&start.new).await?;
        let mut live = Live::new(id, start.new.project, plan.0, plan.1);
        let mut draft = live.draft(&self.owner);
        draft.decide(start.command())?;
        draft.hand_over(&self.slots, None);
        let (change, next, assignments) = draft.into_change(Write::Create(start.head()), None, &self.running);
        match self.store.commit(vec![Change::Run(change)]).await {
            Ok(_) => {}
            Err(CommitError::Conflict(Conflict::DuplicateTrigger { run })) => {
                return Err(DispatchError::Duplicate(run));
            }
            Err(error) => return Err(self.conflict(error)),
        }
        live.settle(next);
        let begun = live.run.clone();
        self.keep(id, live);
        self.send(assignments);
        Ok(begun)
    }

    /// Drafts the start of a run as a part of a larger unit; its work waits to be claimed. Returns the run beside it,
    /// as it begins.
    pub(crate) async fn draft_start(&self, start: impl Into<Start>) -> Result<(RunChange, Run), DispatchError> {
        let start = start.into();
        let plan = self.plan_of(&start.new).await?;
        let live = Live::new(start.new.queued.id, start.new.project, plan.0, plan.1);
        let mut draft = live.draft(&self.owner);
        draft.decide(start.command())?;
        let (change, next, _) = draft.into_change(Write::Create(start.head()), None, &self.running);
        Ok((change, next.run))
    }

    /// Begins an attempt for work that was claimed from the store; `found` is what was known of it as the run stood at
    /// the event `seen`.
    ///
    /// # Errors
    /// [`DispatchError::Moved`] where the run stands elsewhere, so that `found` may not be so.
    pub(crate) async fn begin(
        &self,
        run: RunId,
        stage: Arc<str>,
        held: Held,
        slot: Slot,
        (found, seen): (Found, Seq),
    ) -> Result<Option<Assignment>, DispatchError> {
        let command = Command::Begin { stage, found };
        self.act_on(run, Some(seen), Some(held), Vec::new(), command, Some(slot)).await
    }

    /// Reports how an attempt ended, together with its last records. Returns what the slot does next.
    pub(crate) async fn finish(
        &self,
        done: Assignment,
        outcome: Outcome,
        records: Option<Records>,
    ) -> Result<Option<Assignment>, DispatchError> {
        let Assignment { run, stage, mut attempt, held, slot, .. } = done;
        let mut held = Some(held);
        if planted(Bug::OldOutcomeTaken) {
            attempt = self.load(run).await?.stage(&stage).map_or(attempt, |stage| stage.attempt);
            held = None;
        }
        let command = Command::Finish { stage, attempt, outcome };
        self.act(run, held, records.map(Change::Records).into_iter().collect(), command, Some(slot)).await
    }

    /// Gives a run a command that comes from a person.
    pub(crate) async fn tell(&self, run: RunId, command: Command) -> Result<(), DispatchError> {
        self.act(run, None, Vec::new(), command, None).await.map(drop)
    }

    /// Tells a run something, and commits `beside` with what comes of it.
    pub(crate) async fn tell_beside(&self, run: RunId, command: Command, beside: Change) -> Result<(), DispatchError> {
        self.act(run, None, vec![beside], command, None).await.map(drop)
    }

    /// Takes the word of a person for what became of a stage's effect. One that did not happen is forgotten, so
    /// that it can be done. `beside` is committed with it.
    pub(crate) async fn resolve(
        &self,
        run: RunId,
        stage: &str,
        actor: Actor,
        resolution: Resolution,
        comment: Option<String>,
        beside: impl IntoIterator<Item = Change>,
    ) -> Result<(), DispatchError> {
        let state = self.load(run).await?;
        let forgotten = state.stage(stage).and_then(|stage| forget(run, stage)).map(Change::Effect);
        let before = forgotten.filter(|_| resolution == Resolution::Retry).into_iter().chain(beside).collect();
        let command = Command::Resolve { stage: stage.into(), actor, resolution, comment };
        self.act(run, None, before, command, None).await.map(drop)
    }

    /// Returns a run as it stands, and what it was compiled from.
    pub(crate) async fn look(&self, run: RunId) -> Result<Snapshot, DispatchError> {
        let live = self.live(run).await?;
        let live = live.lock().await;
        let Live { project, plan, revision, run: state, seq, .. } = &*live;
        let (plan, revision) = (Arc::clone(plan), Arc::clone(revision));
        Ok(Snapshot { project: *project, plan, revision, state: state.clone(), seq: *seq })
    }

    /// Ends a run whose time is up.
    pub(crate) async fn expire(&self, run: RunId, held: Held) -> Result<(), DispatchError> {
        self.act(run, Some(held), Vec::new(), Command::Expire, None).await.map(drop)
    }

    /// Ends a run whose definitions cannot be had any more.
    pub(crate) async fn abandon(&self, run: RunId, held: Held, reason: &RevisionError) -> Result<(), DispatchError> {
        let row = self.store.run(run).await?.ok_or(DispatchError::UnknownRun(run))?;
        let mut state = parse_state(run, &row.state)?;
        let events = state.abandon(StageError::new("revision", reason.to_string()));
        if events.is_empty() {
            return Ok(());
        }
        let now = clock::now();
        let before = state.clone();
        events.iter().for_each(|event| state.apply(event, now));
        let (write, tries) = (Write::Advance { expected: row.seq }, held.fence);
        let change = live::change((run, row.project), &state, &events, now, write, Some(held), Vec::new());
        self.forget(run);
        let mut unit = vec![Change::Run(change)];
        unit.extend(dead_letters::of_stages((run, row.project), &before, &state));
        unit.push(dead_letters::abandoned(run, row.project, &reason.to_string(), tries));
        self.store.commit(unit).await.map_err(|error| self.conflict(error)).map(drop)
    }

    /// Returns the newest state of a run.
    pub(crate) async fn load(&self, run: RunId) -> Result<Run, DispatchError> {
        let row = self.store.run(run).await?.ok_or(DispatchError::UnknownRun(run))?;
        parse_state(run, &row.state)
    }

    /// Decides and commits, again if somebody else was faster. The slot serves the first
    /// stage that this readies, if there is one, and is free again otherwise.
    ///
    /// What is in memory may be older than what is stored: others write too, and a commit whose answer was an error may
    /// have happened. So a refusal counts only on a run that was just read.
    async fn act(
        &self,
        run: RunId,
        held: Option<Held>,
        before: Vec<Change>,
        command: Command,
        slot: Option<Slot>,
    ) -> Result<Option<Assignment>, DispatchError> {
        self.act_on(run, None, held, before, command, slot).await
    }

    /// The same, where `seen` is given only on the run as it stood at that event.
    async fn act_on(
        &self,
        run: RunId,
        seen: Option<Seq>,
        held: Option<Held>,
        before: Vec<Change>,
        command: Command,
        mut slot: Option<Slot>,
    ) -> Result<Option<Assignment>, DispatchError> {
        let had_slot = slot.is_some();
        let mut read_again = false;
        loop {
            let shared = self.live(run).await?;
            let mut live = shared.lock().await;
            if seen.is_some_and(|seen| seen != live.seq)
                && let Some(slot) = slot
            {
                return Err(DispatchError::Moved(slot));
            }
            let mut draft = live.draft(&self.owner);
            if let Err(rejected) = draft.decide(command.clone()) {
                if !std::mem::replace(&mut read_again, true) {
                    self.forget(run);
                    continue;
                }
                if live.run.status.is_terminal() {
                    self.forget(run);
                }
                return Err(rejected.into());
            }
            slot = draft.begun_by_command(&held, slot.take());
            slot = draft.hand_over(&self.slots, slot.take());
            let write = Write::Advance { expected: live.seq };
            let proof = held.clone().filter(|_| !planted(Bug::HoldLeftOut));
            let (change, next, mut assignments) = draft.into_change(write, proof, &self.running);
            let mut unit = before.clone();
            unit.push(Change::Run(change));
            unit.extend(dead_letters::of_stages((run, live.project), &live.run, &next.run));
            match self.store.commit(unit).await {
                Ok(_) => {}
                Err(CommitError::Conflict(Conflict::Seq { .. })) => {
                    slot = slot.or_else(|| assignments.pop().map(|assignment| assignment.slot));
                    self.forget(run);
                    continue;
                }
                Err(error) => {
                    self.forget(run);
                    return Err(self.conflict(error));
                }
            }
            for key in &next.ended {
                self.running.stop(key);
            }
            live.settle(next);
            if live.run.status.is_terminal() {
                self.forget(run);
            }
            drop(live);
            let continues = had_slot && slot.is_none() && !assignments.is_empty();
            let own = continues.then(|| assignments.remove(0));
            self.send(assignments);
            return Ok(own);
        }
    }

    /// Keeps the lease of work that takes longer, until what this returns is dropped.
    pub(crate) fn hold(&self, held: &Held) -> Listed {
        self.running.list(held.clone()).0
    }

    /// Keeps the leases of everything that is under way in this process.
    pub(crate) async fn renew(&self) -> Result<(), StoreError> {
        self.store.renew(&self.owner, self.running.keys(), clock::now().after(LEASE)).await.map(drop)
    }

    async fn plan_of(
        &self,
        new: &NewRun,
    ) -> Result<(Arc<kiket_core::plan::Plan>, Arc<kiket_core::revision::Revision>), DispatchError> {
        let revision = self.revisions.get(new.revision).await?;
        let plan = revision.plan_of(&new.queued).ok_or(RevisionError::Stale(new.revision))?;
        Ok((plan, revision))
    }

    async fn live(&self, run: RunId) -> Result<Arc<tokio::sync::Mutex<Live>>, DispatchError> {
        if let Some(live) = self.lock().get(&run) {
            return Ok(Arc::clone(live));
        }
        let row = self.store.run(run).await?.ok_or(DispatchError::UnknownRun(run))?;
        let revision = self.revisions.get(row.revision).await?;
        let state = parse_state(run, &row.state)?;
        let plan = state.queued.as_deref().and_then(|queued| revision.plan_of(queued));
        let plan = plan.ok_or(RevisionError::Stale(row.revision))?;
        let mut live = Live::new(run, row.project, plan, revision);
        live.run = state;
        live.seq = row.seq;
        let shared = Arc::new(tokio::sync::Mutex::new(live));
        if row.terminal {
            return Ok(shared);
        }
        Ok(Arc::clone(self.lock().entry(run).or_insert(shared)))
    }

    /// Hands assignments to the driver. One that is lost on the way gives up its lease.
    fn send(&self, assignments: Vec<Assignment>) {
        for assignment in assignments {
            let _ = self.handed.send(assignment);
        }
    }

    fn keep(&self, run: RunId, live: Live) {
        if !live.run.status.is_terminal() {
            self.lock().insert(run, Arc::new(tokio::sync::Mutex::new(live)));
        }
    }

    fn forget(&self, run: RunId) {
        self.lock().remove(&run);
    }

    fn conflict(&self, error: CommitError) -> DispatchError {
        match error {
            CommitError::Conflict(conflict) => {
                tracing::debug!(%conflict, "a change came too late");
                DispatchError::Lost
            }
            CommitError::Store(error) => error.into(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, Arc<tokio::sync::Mutex<Live>>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sequence numbers count events; a run without any is at zero.
const NEW: Seq = Seq::ZERO;
