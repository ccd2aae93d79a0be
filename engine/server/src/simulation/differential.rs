//! The store in memory against the real one: the same changes, in the same order, have to get the same answers.

use std::fmt::Debug;
use std::time::Duration;

use kiket_core::{RevisionId, RunId, Timestamp};
use kiket_store::{
    Change, Claim, CommitError, EffectChange, Filter, Held, HookSecret, Journal, Lease, NewEvent, NewProject,
    NewRevision, Position, Records, RevisionStatus, RunChange, RunFilter, RunHead, Seq, Store, Task, TaskKind,
    WorkChange, WorkUpdate, Write, WriteEffect,
};
use ulid::Ulid;

use super::luck::Luck;
use super::people::project;
use super::tables::Tables;

/// How many changes are made.
const OPERATIONS: u64 = 1_500;
/// How many runs they are about.
const RUNS: u64 = 6;

/// Both stores, and what is known of holds.
struct Both {
    luck: Luck,
    real: Store,
    tables: Tables,
    epoch: i64,
    now: i64,
    held: Vec<Held>,
    /// How many entries the real log had before.
    before: usize,
}

#[tokio::test]
async fn the_store_in_memory_answers_as_the_real_one_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let real = Store::open(&folder.path().join("kiket.db")).await.expect("a store");
    real.commit(surroundings()).await.expect("a project");
    let mut tables = Tables::default();
    let epoch = tables.begin_epoch();
    let before = real.tail(Position::ZERO, &Filter::default(), 1_000).await.expect("a log").len();
    let mut both = Both { luck: Luck::new(1), real, tables, epoch, now: 1_000, held: Vec::new(), before };
    let mut conflicts = 0;
    for operation in 0..OPERATIONS {
        conflicts += both.step().await;
        if operation % 300 == 299 {
            both.compare_all().await;
            both.real.clone().close().await;
            both.real = Store::open(&folder.path().join("kiket.db")).await.expect("a store");
            both.epoch = both.tables.begin_epoch();
        }
    }
    assert!((100..1_200).contains(&conflicts), "{conflicts} conflicts show little");
}

fn surroundings() -> Vec<Change> {
    let created_at = Timestamp::from_millis(0);
    let shop = NewProject::new(
        project(),
        "shop",
        "https://forge.example/shop.git",
        HookSecret::Clear("hush".to_owned()),
        created_at,
    );
    let revision = NewRevision {
        key: None,
        id: revision(),
        project: project(),
        reference: None,
        commit: "c0ffee".to_owned(),
        status: RevisionStatus::Active,
        sources: Vec::new(),
        diagnostics: "[]".to_owned(),
        plugins: "{}".to_owned(),
        at: created_at,
        event: event("revision.published", None),
    };
    vec![Change::Project(shop), Change::Revision(revision)]
}

fn revision() -> RevisionId {
    RevisionId::new(Ulid::from_parts(0, 7))
}

fn event(kind: &'static str, stage: Option<&str>) -> NewEvent {
    NewEvent { kind: kind.into(), stage: stage.map(str::to_owned), data: "{}".to_owned() }
}

fn same(what: &str, real: impl Debug, tables: impl Debug) {
    assert_eq!(format!("{real:?}"), format!("{tables:?}"), "{what}");
}

impl Both {
    /// One question to both. Answers how many conflicts there were.
    async fn step(&mut self) -> usize {
        self.now += i64::try_from(self.luck.below(2_000)).expect("little");
        let now = Timestamp::from_millis(self.now);
        match self.luck.below(10) {
            0 | 1 => {
                let claim = Claim {
                    owner: self.owner(),
                    kinds: if self.luck.chance(500) { Vec::new() } else { vec![TaskKind::Stage] },
                    limit: u32::try_from(self.luck.below(4)).expect("little"),
                    now,
                    until: now.after(Duration::from_secs(self.luck.below(10))),
                };
                let real = self.real.claim(claim.clone()).await.expect("an answer");
                let tables = self.tables.claim(self.epoch, &claim);
                same("claim", &real, &tables);
                self.held.extend(tables.iter().map(kiket_store::Work::held));
                0
            }
            2 => {
                let (owner, until) = (self.owner(), now.after(Duration::from_secs(5)));
                let keys: Vec<_> = self.held.iter().rev().take(5).map(|held| held.key.clone()).collect();
                let real = self.real.renew(&owner, keys.clone(), until).await.expect("an answer");
                let mut named = keys;
                named.sort();
                named.dedup();
                same("renewal", real, self.tables.renew(&owner, &named, until));
                let real = self.real.earliest_due(&[TaskKind::Deadline]).await.expect("an answer");
                same("earliest due", real, self.tables.earliest_due(&[TaskKind::Deadline]));
                0
            }
            _ => {
                let unit: Vec<Change> = (0..1 + self.luck.below(2)).map(|_| self.change(now)).collect();
                let real = self.real.commit(unit.clone()).await;
                let tables = self.tables.commit(self.epoch, &unit);
                match (real, tables) {
                    (Ok(head), Ok(committed)) => {
                        let head = usize::try_from(head.get()).expect("a position") - self.before;
                        same("head", head, committed.head.get());
                        0
                    }
                    (Err(CommitError::Conflict(real)), Err(tables)) => {
                        same("conflict", real, tables);
                        1
                    }
                    (real, tables) => panic!("{unit:#?}: {real:?} and {tables:?}"),
                }
            }
        }
    }

    fn change(&mut self, now: Timestamp) -> Change {
        let run = self.run();
        let known = self.tables.runs.contains_key(&run);
        match self.luck.below(8) {
            // All else is about a run that is there.
            _ if !known => self.create(run, now),
            0 => self.create(run, now),
            1 => Change::Work(WorkUpdate { held: self.hold(), work: self.work(run, now) }),
            2 => {
                let records = vec![event("stage.log", Some("a")), event("stage.log", None)];
                Change::Records(Records { run, project: project(), held: self.hold(), at: now, records })
            }
            3 | 4 => {
                let journal = Journal { run, stage: self.stage(), attempt: 1 };
                let write = match self.luck.below(3) {
                    0 => WriteEffect::Intend { before: vec![1], request: [2; 32], intent: "{}".to_owned() },
                    1 => WriteEffect::Receive { receipt: vec![3] },
                    _ => WriteEffect::Forget,
                };
                let ordinal = u32::try_from(self.luck.below(2)).expect("little");
                Change::Effect(EffectChange { journal, ordinal, held: self.hold(), write })
            }
            _ => {
                let actual = self.tables.runs[&run].seq.get();
                let off = if self.luck.chance(150) { 1 } else { 0 };
                self.run_change(run, now, Write::Advance { expected: Seq::new(actual + off) })
            }
        }
    }

    fn create(&mut self, run: RunId, now: Timestamp) -> Change {
        let cause = self.luck.chance(500).then(|| format!("cause-{}", self.luck.below(4)));
        let head = RunHead {
            pipeline: "p".to_owned(),
            revision: revision(),
            commit: None,
            reference: None,
            trigger: "{}".to_owned(),
            trigger_key: cause,
            request: None,
        };
        self.run_change(run, now, Write::Create(head))
    }

    fn run_change(&mut self, run: RunId, at: Timestamp, write: Write) -> Change {
        let terminal = self.luck.chance(40);
        let events = (0..self.luck.below(4)).map(|_| event("stage.ready", Some("a"))).collect();
        Change::Run(RunChange {
            run,
            project: project(),
            write,
            at,
            events,
            status: if terminal { "failed" } else { "running" }.into(),
            terminal,
            started_at: None,
            finished_at: terminal.then_some(at),
            state: format!("{{\"at\":{}}}", at.millis()),
            held: self.hold(),
            work: self.work(run, at),
        })
    }

    fn work(&mut self, run: RunId, now: Timestamp) -> Vec<WorkChange> {
        let mut changes = Vec::new();
        for _ in 0..self.luck.below(4) {
            let task = match self.luck.below(5) {
                0 => Task::Deadline { run },
                _ => Task::Stage {
                    run,
                    stage: self.stage(),
                    attempt: 1 + u32::try_from(self.luck.below(2)).expect("little"),
                },
            };
            // A unit puts a row once.
            let twice = |change: &WorkChange| matches!(change, WorkChange::Put { task: other, .. } if *other == task);
            let twice = changes.iter().any(twice);
            changes.push(match self.luck.below(8) {
                0 => WorkChange::DoneForRun(run),
                1 | 2 => WorkChange::Done(task.key()),
                3 => self
                    .held
                    .last()
                    .map_or_else(|| WorkChange::Done(task.key()), |held| WorkChange::Done(held.key.clone())),
                _ if twice => continue,
                kind => {
                    let lease =
                        (kind == 4).then(|| Lease { owner: self.owner(), until: now.after(Duration::from_secs(3)) });
                    if lease.is_some() {
                        self.held.push(Held { key: task.key(), fence: 1 });
                    }
                    let due = Timestamp::from_millis(
                        now.millis() + i64::try_from(self.luck.below(4_000)).expect("little") - 2_000,
                    );
                    let priority = i64::try_from(self.luck.below(3)).expect("little");
                    WorkChange::Put { task, priority, due, lease }
                }
            });
        }
        changes
    }

    /// Mostly nothing, else a hold that may be good or not.
    fn hold(&mut self) -> Option<Held> {
        let recent = self.luck.below(6);
        let held = self.held.iter().rev().nth(usize::try_from(recent).expect("little")).cloned();
        held.filter(|_| self.luck.chance(350))
    }

    fn run(&mut self) -> RunId {
        let fresh = self.tables.runs.values().filter(|row| row.terminal).count() as u64;
        RunId::new(Ulid::from_parts(1, u128::from(self.luck.below(RUNS + fresh))))
    }

    fn stage(&mut self) -> String {
        self.luck.pick(&["a", "b"]).to_owned()
    }

    fn owner(&mut self) -> String {
        self.luck.pick(&["node/1", "node/2"]).to_owned()
    }

    /// Everything that is stored.
    async fn compare_all(&self) {
        let mut runs = self.real.runs(&RunFilter::default(), 1_000).await.expect("runs");
        runs.reverse();
        same("runs", runs, self.tables.runs.values().collect::<Vec<_>>());
        let after = Position::new(i64::try_from(self.before).expect("few"));
        let log = self.real.tail(after, &Filter::default(), 1_000_000).await.expect("a log");
        let (brief, entries) =
            (|entry: &kiket_store::Entry| (entry.run, entry.seq, entry.kind.clone(), entry.at), &self.tables.log);
        same("log", log.iter().map(brief).collect::<Vec<_>>(), entries.iter().map(brief).collect::<Vec<_>>());
        for run in self.tables.runs.keys() {
            for stage in ["a", "b"] {
                let journal = Journal { run: *run, stage: stage.to_owned(), attempt: 1 };
                let effects = self.real.effects(&journal).await.expect("effects");
                same("effects", effects, self.tables.effects(&journal));
            }
        }
    }
}
