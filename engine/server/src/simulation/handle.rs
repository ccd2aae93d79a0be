//! A process's handle on the store: the calls of [`Ledger`], with whatever goes wrong on the way.
//!
//! A unit that was asked for is committed whoever still waits for it, as in the real store.

use std::sync::Arc;
use std::time::Duration;

use kiket_core::run::Event;
use kiket_core::{RunId, Timestamp};
use kiket_store::{
    Change, Claim, CommitError, Effect, EffectChange, Journal, Position, RunChange, RunRow, StoreError, Task, TaskKind,
    Work, WorkKey, WriteEffect,
};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::Sim;
use super::tables::{Tables, unknown};
use crate::ledger::Ledger;

/// Longest a call takes.
const SLOW: u64 = 2_000;

/// A handle.
#[derive(Clone)]
pub(super) struct Handle {
    sim: Arc<Sim>,
    epoch: i64,
    who: Arc<str>,
    readied: watch::Receiver<u64>,
}

impl Handle {
    pub(super) fn new(sim: &Arc<Sim>, epoch: i64, who: &str) -> Self {
        Self { sim: Arc::clone(sim), epoch, who: who.into(), readied: sim.listen() }
    }

    /// Some time goes by, or at least somebody else has a turn.
    async fn travel(&self) {
        match self.sim.chance(self.sim.faults.slow) {
            true => sleep(self.sim.millis(1, SLOW)).await,
            false => {
                for _ in 0..self.sim.below(3) {
                    yield_now().await;
                }
            }
        }
    }

    fn apply(&self, changes: &[Change]) -> Result<Position, CommitError> {
        let sim = &self.sim;
        let mut tables = sim.tables();
        let usurped = changes.iter().find_map(|change| usurps(&tables, change));
        let committed = tables.commit(self.epoch, changes);
        drop(tables);
        sim.note(format_args!("{} commits {}: {committed:?}", self.who, Brief(changes)));
        let committed = committed?;
        if let Some(usurped) = usurped {
            sim.wrong(usurped);
        }
        changes.iter().for_each(|change| sim.touch(change));
        if committed.readied {
            sim.wake();
        }
        Ok(committed.head)
    }

    async fn ask<T>(&self, fails: u64, answer: impl FnOnce(&mut Tables) -> T) -> Result<T, StoreError> {
        self.travel().await;
        if self.sim.chance(fails) {
            return Err(StoreError::Closed);
        }
        let answer = answer(&mut self.sim.tables());
        self.travel().await;
        Ok(answer)
    }
}

impl Ledger for Handle {
    async fn commit(&self, changes: Vec<Change>) -> Result<Position, CommitError> {
        let faults = self.sim.faults;
        if self.sim.chance(faults.before) {
            self.sim.note(format_args!("{} fails to commit {}", self.who, Brief(&changes)));
            self.travel().await;
            return Err(unknown());
        }
        let answer = match self.sim.chance(faults.slow) {
            false => {
                self.travel().await;
                self.apply(&changes)
            }
            true => {
                let (this, time) = (self.clone(), self.sim.millis(1, SLOW));
                let later = tokio::spawn(async move {
                    sleep(time).await;
                    this.apply(&changes)
                });
                later.await.unwrap_or_else(|_| Err(unknown()))
            }
        };
        if self.sim.chance(faults.after) {
            self.sim.note(format_args!("{} hears nothing of that", self.who));
            return Err(unknown());
        }
        self.travel().await;
        answer
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Work>, StoreError> {
        self.travel().await;
        if self.sim.chance(self.sim.faults.before) {
            return Err(StoreError::Closed);
        }
        let claimed = self.sim.tables().claim(self.epoch, &claim);
        for work in &claimed {
            self.sim.note(format_args!("{} claims {} ({})", self.who, work.task, work.fence));
            if work.due > claim.now {
                self.sim.wrong(format!("{} is claimed before it is due", work.task));
            }
        }
        if self.sim.chance(self.sim.faults.after) {
            return Err(StoreError::Closed);
        }
        self.travel().await;
        Ok(claimed)
    }

    async fn renew(&self, owner: &str, keys: Vec<WorkKey>, until: Timestamp) -> Result<u64, StoreError> {
        if keys.is_empty() {
            return Ok(0);
        }
        self.ask(self.sim.faults.before, |tables| tables.renew(owner, &keys, until)).await
    }

    async fn earliest_due(&self, kinds: &[TaskKind]) -> Result<Option<Timestamp>, StoreError> {
        self.ask(self.sim.faults.reads, |tables| tables.earliest_due(kinds)).await
    }

    async fn run(&self, id: RunId) -> Result<Option<RunRow>, StoreError> {
        self.ask(self.sim.faults.reads, |tables| tables.runs.get(&id).cloned()).await
    }

    async fn effects(&self, journal: &Journal) -> Result<Vec<Effect>, StoreError> {
        self.ask(self.sim.faults.reads, |tables| tables.effects(journal)).await
    }

    fn readied(&self) -> watch::Receiver<u64> {
        self.readied.clone()
    }
}

/// A success that a plugin reports under a fence that is not the row's: whoever holds the work now did not do that.
fn usurps(tables: &Tables, change: &Change) -> Option<String> {
    let Change::Run(RunChange { run, events, .. }) = change else { return None };
    events.iter().filter(|event| event.kind == "stage.succeeded").find_map(|event| {
        let Ok(Event::StageSucceeded { stage, attempt, outputs, kept_from: None, .. }) =
            serde_json::from_str(&event.data)
        else {
            return None;
        };
        let (fence, of) = (outputs.get("fence")?.as_i64()?, outputs.get("attempt")?.as_u64()?);
        let key = Task::Stage { run: *run, stage: stage.to_string(), attempt }.key();
        let row = tables.work.get(&key);
        let holds = row.is_some_and(|row| row.fence == fence && row.lease.is_some()) && of == u64::from(attempt);
        (!holds).then(|| format!("{key} succeeds by attempt {of} under fence {fence}, and its row is {row:?}"))
    })
}

/// What a unit says, in a line.
struct Brief<'c>(&'c [Change]);

impl std::fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for change in self.0 {
            match change {
                Change::Run(run) => {
                    write!(f, "{} [", run.run)?;
                    for event in &run.events {
                        write!(f, " {} {}", event.kind, event.stage.as_deref().unwrap_or_default())?;
                    }
                    write!(f, " ] {}", run.status)?;
                    if let Some(held) = &run.held {
                        write!(f, " by {} ({})", held.key, held.fence)?;
                    }
                }
                Change::Effect(EffectChange { journal, ordinal, held, write }) => {
                    let word = match write {
                        WriteEffect::Intend { .. } => "intends",
                        WriteEffect::Receive { .. } => "receives",
                        WriteEffect::Forget => "forgets",
                    };
                    let Journal { run, stage, attempt } = journal;
                    let fence = held.as_ref().map_or(0, |held| held.fence);
                    write!(f, "{run} {word} {stage} {attempt}/{ordinal} ({fence}) ")?;
                }
                Change::Records(records) => write!(f, "{} records ", records.records.len())?,
                _ => f.write_str("work ")?,
            }
        }
        Ok(())
    }
}

/// Tells a listener that there is work, once more or a while from now.
pub(super) fn tell(sim: &Arc<Sim>, listener: &watch::Sender<u64>) {
    let faults = sim.faults;
    if sim.chance(faults.lost) {
        return;
    }
    let now = !sim.chance(faults.late);
    if now {
        listener.send_modify(|count| *count += 1);
    }
    if !now || sim.chance(faults.late) {
        let (listener, time) = (listener.clone(), Duration::from_millis(sim.below(5_000)));
        tokio::spawn(async move {
            sleep(time).await;
            listener.send_modify(|count| *count += 1);
        });
    }
}
