//! A store in memory: what `kiket-store` promises, said once more in the simplest way. It is what the simulation stands
//! on, so `differential` holds it against the real one.
//!
//! It knows runs, records, work and effects, which is all that dispatch and the driver write.

use std::collections::BTreeMap;

use kiket_core::{ProjectId, RunId, Timestamp};
use kiket_store::{
    Change, Claim, CommitError, Conflict, Effect, EffectChange, Entry, Held, Journal, NewEvent, Position, Records,
    RunChange, RunRow, Seq, StoreError, Stream, Task, TaskKind, Work, WorkChange, WorkKey, Write, WriteEffect,
};

/// A row of work.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) task: Task,
    pub(super) priority: i64,
    pub(super) due: Timestamp,
    pub(super) fence: i64,
    /// Who holds it, until when, and in which epoch that was given.
    pub(super) lease: Option<(String, Timestamp, i64)>,
}

/// Names an effect: the run, the stage, the attempt its journal begins with, and which it is.
type EffectKey = (RunId, String, u32, u32);

/// Everything that is stored.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) runs: BTreeMap<RunId, RunRow>,
    pub(super) causes: BTreeMap<(ProjectId, String), RunId>,
    pub(super) work: BTreeMap<WorkKey, Row>,
    pub(super) effects: BTreeMap<EffectKey, Effect>,
    pub(super) log: Vec<Entry>,
    epoch: i64,
    /// What the unit at hand has changed, to be put back where it comes to nothing.
    undo: Vec<Undo>,
}

#[derive(Debug)]
enum Undo {
    Run(RunId, Option<RunRow>),
    Cause((ProjectId, String)),
    Work(WorkKey, Option<Row>),
    Effect(EffectKey, Option<Effect>),
    Log(usize),
}

/// What a unit led to.
#[derive(Debug)]
pub(super) struct Committed {
    pub(super) head: Position,
    /// Whether it put work that nobody holds.
    pub(super) readied: bool,
}

impl Tables {
    /// Counts the opening of the store; no lease of an earlier one holds.
    pub(super) fn begin_epoch(&mut self) -> i64 {
        self.epoch += 1;
        self.work.values_mut().for_each(|row| row.lease = None);
        self.epoch
    }

    /// The epoch there is.
    pub(super) fn epoch(&self) -> i64 {
        self.epoch
    }

    /// All of the changes, or none.
    pub(super) fn commit(&mut self, epoch: i64, changes: &[Change]) -> Result<Committed, Conflict> {
        self.undo.push(Undo::Log(self.log.len()));
        let mut readied = false;
        for change in changes {
            let applied = match change {
                Change::Run(run) => self.run(epoch, run, &mut readied),
                Change::Records(records) => self.records(records),
                Change::Effect(effect) => self.effect(effect),
                Change::Work(update) => {
                    self.prove(update.held.as_ref()).map(|()| self.apply_work(epoch, &update.work, &mut readied))
                }
                // What people are told was given up leads to nothing by itself.
                Change::GiveUp(_) | Change::Recover(_) => Ok(()),
                other => panic!("the simulation stores nothing like {other:?}"),
            };
            if let Err(conflict) = applied {
                self.roll_back();
                return Err(conflict);
            }
        }
        self.undo.clear();
        Ok(Committed { head: self.head(), readied })
    }

    fn roll_back(&mut self) {
        while let Some(undo) = self.undo.pop() {
            match undo {
                Undo::Run(id, row) => put_back(&mut self.runs, id, row),
                Undo::Cause(key) => drop(self.causes.remove(&key)),
                Undo::Work(key, row) => put_back(&mut self.work, key, row),
                Undo::Effect(key, effect) => put_back(&mut self.effects, key, effect),
                Undo::Log(length) => self.log.truncate(length),
            }
        }
    }

    /// The last position.
    pub(super) fn head(&self) -> Position {
        Position::new(i64::try_from(self.log.len()).unwrap_or(i64::MAX))
    }

    fn run(&mut self, epoch: i64, change: &RunChange, readied: &mut bool) -> Result<(), Conflict> {
        self.prove(change.held.as_ref())?;
        let growth = i64::try_from(change.events.len()).unwrap_or(i64::MAX);
        let before = match &change.write {
            Write::Create(head) => {
                self.refuse_duplicate(change, head.trigger_key.as_deref())?;
                if let Some(key) = &head.trigger_key {
                    self.causes.insert((change.project, key.clone()), change.run);
                    self.undo.push(Undo::Cause((change.project, key.clone())));
                }
                let row = RunRow {
                    id: change.run,
                    project: change.project,
                    pipeline: head.pipeline.clone(),
                    revision: head.revision,
                    commit: head.commit.clone(),
                    reference: head.reference.clone(),
                    trigger: head.trigger.clone(),
                    trigger_key: head.trigger_key.clone(),
                    request: head.request.clone(),
                    status: change.status.to_string(),
                    terminal: change.terminal,
                    seq: Seq::new(growth),
                    state: change.state.clone(),
                    created_at: change.at,
                    started_at: change.started_at,
                    finished_at: change.finished_at,
                };
                self.undo.push(Undo::Run(change.run, self.runs.insert(change.run, row)));
                Seq::ZERO
            }
            Write::Advance { expected } => {
                self.refuse_moved(change, *expected)?;
                let row = self.runs.get_mut(&change.run).expect("it was just looked at");
                self.undo.push(Undo::Run(change.run, Some(row.clone())));
                row.seq = Seq::new(row.seq.get() + growth);
                row.status = change.status.to_string();
                row.terminal = change.terminal;
                row.state.clone_from(&change.state);
                row.started_at = change.started_at;
                row.finished_at = change.finished_at;
                *expected
            }
        };
        self.append(change.project, change.run, Some(before), change.at, &change.events);
        self.apply_work(epoch, &change.work, readied);
        if change.terminal {
            self.end_work(|row| row.task.run() == Some(change.run));
            let ended: Vec<EffectKey> = self.effects.keys().filter(|key| key.0 == change.run).cloned().collect();
            ended.into_iter().for_each(|key| self.remove_effect(key));
        }
        Ok(())
    }

    fn refuse_duplicate(&self, change: &RunChange, cause: Option<&str>) -> Result<(), Conflict> {
        let first = cause.and_then(|cause| self.causes.get(&(change.project, cause.to_owned())));
        match first {
            Some(run) => Err(Conflict::DuplicateTrigger { run: *run }),
            None if self.runs.contains_key(&change.run) => Err(Conflict::Duplicate { stream: Stream::Run(change.run) }),
            None => Ok(()),
        }
    }

    fn refuse_moved(&self, change: &RunChange, expected: Seq) -> Result<(), Conflict> {
        let stream = Stream::Run(change.run);
        match self.runs.get(&change.run) {
            None => Err(Conflict::Unknown { stream }),
            Some(row) if row.seq != expected => Err(Conflict::Seq { stream, expected, actual: row.seq }),
            Some(row) if row.terminal => Err(Conflict::Ended { run: change.run }),
            Some(_) => Ok(()),
        }
    }

    fn records(&mut self, records: &Records) -> Result<(), Conflict> {
        self.prove(records.held.as_ref())?;
        self.append(records.project, records.run, None, records.at, &records.records);
        Ok(())
    }

    fn append(&mut self, project: ProjectId, run: RunId, mut seq: Option<Seq>, at: Timestamp, events: &[NewEvent]) {
        for event in events {
            seq = seq.map(|seq| Seq::new(seq.get() + 1));
            let position = Position::new(self.head().get() + 1);
            let (kind, stage, data) = (event.kind.to_string(), event.stage.clone(), event.data.clone());
            self.log.push(Entry { position, project, run: Some(run), item: None, seq, kind, stage, at, data });
        }
    }

    fn effect(&mut self, change: &EffectChange) -> Result<(), Conflict> {
        self.prove(change.held.as_ref())?;
        let Journal { run, stage, attempt } = &change.journal;
        let key = (*run, stage.clone(), *attempt, change.ordinal);
        let twice = Conflict::Duplicate { stream: Stream::Run(*run) };
        let known = self.effects.get(&key);
        match &change.write {
            WriteEffect::Intend { .. } if known.is_some() => return Err(twice),
            WriteEffect::Intend { before, request, intent } => {
                let (before, request, intent) = (before.clone(), request.to_vec(), intent.clone());
                let effect = Effect { ordinal: change.ordinal, before, request, intent, receipt: None };
                self.undo.push(Undo::Effect(key.clone(), self.effects.insert(key, effect)));
            }
            WriteEffect::Receive { receipt } => {
                let Some(known) = known.filter(|known| known.receipt.is_none()) else { return Err(twice) };
                let effect = Effect { receipt: Some(receipt.clone()), ..known.clone() };
                self.undo.push(Undo::Effect(key.clone(), self.effects.insert(key, effect)));
            }
            WriteEffect::Forget if known.is_some_and(|known| known.receipt.is_none()) => self.remove_effect(key),
            WriteEffect::Forget => {}
        }
        Ok(())
    }

    fn remove_effect(&mut self, key: EffectKey) {
        self.undo.push(Undo::Effect(key.clone(), self.effects.remove(&key)));
    }

    fn prove(&self, held: Option<&Held>) -> Result<(), Conflict> {
        match held.filter(|held| !self.holds(held)) {
            Some(held) => Err(Conflict::FenceLost { key: held.key.clone() }),
            None => Ok(()),
        }
    }

    /// Whether a hold is still one.
    pub(super) fn holds(&self, held: &Held) -> bool {
        self.work.get(&held.key).is_some_and(|row| row.fence == held.fence && row.lease.is_some())
    }

    fn apply_work(&mut self, epoch: i64, changes: &[WorkChange], readied: &mut bool) {
        let puts = |key: &WorkKey| {
            changes.iter().any(|change| matches!(change, WorkChange::Put { task, .. } if task.key() == *key))
        };
        for change in changes {
            match change {
                WorkChange::Done(key) if !puts(key) => self.end_work(|row| row.task.key() == *key),
                WorkChange::DoneForRun(run) => {
                    self.end_work(|row| row.task.run() == Some(*run) && !puts(&row.task.key()));
                }
                WorkChange::Done(_) | WorkChange::Put { .. } => {}
            }
        }
        for change in changes {
            let WorkChange::Put { task, priority, due, lease } = change else { continue };
            *readied |= lease.is_none();
            let known = self.work.get(&task.key()).map_or(0, |row| row.fence);
            let fence = known + i64::from(lease.is_some());
            let lease = lease.as_ref().map(|lease| (lease.owner.clone(), lease.until, epoch));
            let row = Row { task: task.clone(), priority: *priority, due: *due, fence, lease };
            self.set_work(task.key(), Some(row));
        }
    }

    fn end_work(&mut self, ends: impl Fn(&Row) -> bool) {
        let keys: Vec<WorkKey> = self.work.iter().filter(|(_, row)| ends(row)).map(|(key, _)| key.clone()).collect();
        keys.into_iter().for_each(|key| self.set_work(key, None));
    }

    fn set_work(&mut self, key: WorkKey, row: Option<Row>) {
        let before = match row {
            Some(row) => self.work.insert(key.clone(), row),
            None => self.work.remove(&key),
        };
        self.undo.push(Undo::Work(key, before));
    }

    /// Takes due work that nobody holds, most urgent first.
    pub(super) fn claim(&mut self, epoch: i64, claim: &Claim) -> Vec<Work> {
        for row in self.work.values_mut() {
            if row.lease.as_ref().is_some_and(|(_, until, _)| *until <= claim.now) {
                row.lease = None;
            }
        }
        let mut free: Vec<(i64, Timestamp, WorkKey)> = self
            .work
            .iter()
            .filter(|(_, row)| row.lease.is_none() && row.due <= claim.now && is_of(&claim.kinds, row))
            .map(|(key, row)| (row.priority, row.due, key.clone()))
            .collect();
        free.sort();
        free.truncate(usize::try_from(claim.limit).unwrap_or(usize::MAX));
        let take = |(priority, due, key): (i64, Timestamp, WorkKey)| {
            let row = self.work.get_mut(&key).expect("it was just looked at");
            row.fence += 1;
            row.lease = Some((claim.owner.clone(), claim.until, epoch));
            Work { task: row.task.clone(), priority, due, fence: row.fence }
        };
        free.into_iter().map(take).collect()
    }

    /// Moves the end of leases; answers how many.
    pub(super) fn renew(&mut self, owner: &str, keys: &[WorkKey], until: Timestamp) -> u64 {
        let mut renewed = 0;
        for key in keys {
            if let Some((_, end, _)) =
                self.work.get_mut(key).and_then(|row| row.lease.as_mut()).filter(|lease| lease.0 == owner)
            {
                *end = until;
                renewed += 1;
            }
        }
        renewed
    }

    /// When the next work that nobody holds is due.
    pub(super) fn earliest_due(&self, kinds: &[TaskKind]) -> Option<Timestamp> {
        self.work.values().filter(|row| row.lease.is_none() && is_of(kinds, row)).map(|row| row.due).min()
    }

    /// The effects of a journal in order.
    pub(super) fn effects(&self, journal: &Journal) -> Vec<Effect> {
        let Journal { run, stage, attempt } = journal;
        let from = (*run, stage.clone(), *attempt, 0);
        let to = (*run, stage.clone(), *attempt, u32::MAX);
        self.effects.range(from..=to).map(|(_, effect)| effect.clone()).collect()
    }
}

fn put_back<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

fn is_of(kinds: &[TaskKind], row: &Row) -> bool {
    kinds.is_empty() || kinds.contains(&row.task.kind())
}

/// An answer that never came: whether the change was made is not known.
pub(super) fn unknown() -> CommitError {
    CommitError::Store(StoreError::Closed)
}
