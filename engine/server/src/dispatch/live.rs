//! A run in memory and a change to it that is being drafted.
//!
//! The rows of work follow from the events alone: a stage that is ready or running
//! has one row, keyed by the attempt; a run with a time limit has one more.

use std::sync::Arc;

use kiket_core::plan::Plan;
use kiket_core::planted::{Bug, planted};
use kiket_core::revision::Revision;
use kiket_core::run::{Command, Event, Found, Moment, Rejected, Run, StageState, Trigger};
use kiket_core::{ProjectId, RunId, Timestamp};
use kiket_store::{Held, NewEvent, RunChange, Seq, Task, WorkChange, WorkKey, Write};

use super::work::{Running, lease};
use super::{Assignment, Slot, Slots};
use crate::clock;

/// A run that has not ended, with what is needed to decide on it.
pub(crate) struct Live {
    pub(super) id: RunId,
    pub(super) project: ProjectId,
    pub(super) plan: Arc<Plan>,
    pub(super) revision: Arc<Revision>,
    pub(super) run: Run,
    pub(super) seq: Seq,
}

/// A change being drafted.
pub(super) struct Draft<'l> {
    live: &'l Live,
    owner: &'l str,
    moment: Moment,
    run: Run,
    events: Vec<Event>,
    work: Vec<WorkChange>,
    begun: Vec<Begun>,
}

/// An attempt that begins with the change, on a slot.
struct Begun {
    stage: Arc<str>,
    attempt: u32,
    held: Held,
    slot: Slot,
}

/// What a drafted change leads to once it is committed.
pub(super) struct Next {
    pub(super) run: Run,
    pub(super) events: usize,
    /// The rows of work that it ends.
    pub(super) ended: Vec<WorkKey>,
}

impl Live {
    pub(super) fn new(id: RunId, project: ProjectId, plan: Arc<Plan>, revision: Arc<Revision>) -> Self {
        Self { id, project, plan, revision, run: Run::default(), seq: super::NEW }
    }

    pub(super) fn draft<'l>(&'l self, owner: &'l str) -> Draft<'l> {
        Draft {
            live: self,
            owner,
            moment: clock::moment(),
            run: self.run.clone(),
            events: Vec::new(),
            work: Vec::new(),
            begun: Vec::new(),
        }
    }

    /// Takes over a state that was committed.
    pub(super) fn settle(&mut self, next: Next) {
        let count = i64::try_from(next.events).unwrap_or(i64::MAX);
        self.seq = Seq::new(self.seq.get() + count);
        self.run = next.run;
    }

    fn task(&self, stage: &str, attempt: u32) -> Task {
        Task::Stage { run: self.id, stage: stage.to_owned(), attempt }
    }
}

impl Draft<'_> {
    /// Decides a command on the drafted state and notes the work that follows.
    pub(super) fn decide(&mut self, command: Command) -> Result<(), Rejected> {
        let expires = matches!(command, Command::Expire);
        let events = self.run.decide(&self.live.plan, command, &self.moment)?;
        if expires {
            self.work.push(WorkChange::Done(Task::Deadline { run: self.live.id }.key()));
        }
        for event in events {
            self.note_work(&event);
            self.run.apply(&event, self.moment.now);
            self.events.push(event);
        }
        Ok(())
    }

    fn note_work(&mut self, event: &Event) {
        let attempt = |stage: &str| self.run.stage(stage).map_or(0, |stage| stage.attempt);
        match event {
            Event::RunQueued(_) => {
                if let Some(timeout) = self.live.plan.timeout {
                    let due = self.moment.now.after(timeout);
                    self.put(Task::Deadline { run: self.live.id }, due);
                }
            }
            Event::StageReady { stage } => {
                let task = self.live.task(stage, attempt(stage) + 1);
                self.put(task, self.moment.now);
            }
            Event::StageRetrying { stage, attempt, until, .. } => {
                self.work.push(WorkChange::Done(self.live.task(stage, *attempt).key()));
                let task = self.live.task(stage, attempt + 1);
                if !planted(Bug::RetryWithoutWork) {
                    self.put(task, until.unwrap_or(self.moment.now));
                }
            }
            // The row is a timer: it is due when too few people have agreed in time.
            Event::ApprovalRequested { stage, request } => {
                let task = self.live.task(stage, attempt(stage) + 1);
                self.put(task, request.deadline.unwrap_or(Timestamp::NEVER));
            }
            // Nothing happens by itself: the row only says that somebody is waited for.
            Event::StageNeedsAttention { stage, attempt, .. } => {
                self.work.push(WorkChange::Done(self.live.task(stage, *attempt).key()));
                let task = self.live.task(stage, attempt + 1);
                self.put(task, Timestamp::NEVER);
            }
            Event::StageResolved { stage, .. } => {
                self.work.push(WorkChange::Done(self.live.task(stage, attempt(stage) + 1).key()));
            }
            Event::StageSucceeded { stage, .. }
            | Event::StageFailed { stage, .. }
            | Event::StageCancelled { stage } => {
                let stands = self.run.stage(stage);
                let row = stands.and_then(|stage| match stage.state {
                    StageState::Ready | StageState::Waiting { .. } | StageState::NeedsAttention { .. } => {
                        Some(stage.attempt + 1)
                    }
                    StageState::Running => Some(stage.attempt),
                    _ => None,
                });
                if let Some(attempt) = row {
                    self.work.push(WorkChange::Done(self.live.task(stage, attempt).key()));
                }
            }
            _ => {}
        }
    }

    fn put(&mut self, task: Task, due: Timestamp) {
        let priority = i64::from(self.live.plan.priority as u8);
        self.work.push(WorkChange::Put { task, priority, due, lease: None });
    }

    /// Gives the slot to the attempt that the command itself began, on the row it was claimed by.
    pub(super) fn begun_by_command(&mut self, held: &Option<Held>, slot: Option<Slot>) -> Option<Slot> {
        let started = self.events.iter().rev().find_map(|event| match event {
            Event::StageStarted { stage, attempt } => Some((Arc::clone(stage), *attempt)),
            _ => None,
        });
        match (started, slot, held) {
            (Some((stage, attempt)), Some(slot), Some(held)) => {
                let held = self.lease_put(&stage, attempt).unwrap_or_else(|| held.clone());
                self.begun.push(Begun { stage, attempt, held, slot });
                None
            }
            (_, slot, _) => slot,
        }
    }

    /// Begins stages that have just become ready: the first on the given slot, the others
    /// on free ones. Returns the slot if nothing wants it.
    pub(super) fn hand_over(&mut self, slots: &Slots, mut slot: Option<Slot>) -> Option<Slot> {
        let ready = self.run.stages.iter().filter(|stage| stage.state == StageState::Ready);
        let ready: Vec<Arc<str>> = ready.map(|stage| Arc::clone(&stage.id)).collect();
        for stage in ready {
            let attempt = self.run.stage(&stage).map_or(0, |stage| stage.attempt) + 1;
            if slots.has_backlog() || !self.puts(&stage, attempt) {
                continue;
            }
            let Some(taken) = slot.take().or_else(|| slots.take()) else { break };
            let begins = self.decide(Command::Begin { stage: Arc::clone(&stage), found: Found::Nothing }).is_ok();
            if let Some(held) = self.lease_put(&stage, attempt).filter(|_| begins) {
                self.begun.push(Begun { stage, attempt, held, slot: taken });
            }
        }
        slot
    }

    /// Turns the draft into a change, the state it leads to, and what is to be done at once.
    pub(super) fn into_change(
        self,
        write: Write,
        held: Option<Held>,
        running: &Running,
    ) -> (RunChange, Next, Vec<Assignment>) {
        let (run, live) = (self.run, self.live);
        let put = |key: &WorkKey| {
            self.work.iter().any(|change| matches!(change, WorkChange::Put { task, .. } if task.key() == *key))
        };
        // A row that ends and is put again goes on: whoever has it now is not to be stopped.
        let ended = self.work.iter().filter_map(|change| match change {
            WorkChange::Done(key) if !put(key) => Some(key.clone()),
            _ => None,
        });
        let ended = ended.collect();
        let change = change((live.id, live.project), &run, &self.events, self.moment.now, write, held, self.work);
        let assign = |Begun { stage, attempt, held, slot }| {
            let (listed, stop) = running.list(held.clone());
            Assignment {
                run: live.id,
                project: live.project,
                stage,
                attempt,
                plan: Arc::clone(&live.plan),
                revision: Arc::clone(&live.revision),
                state: run.clone(),
                held,
                stop,
                slot,
                _listed: listed,
            }
        };
        let assignments = self.begun.into_iter().map(assign).collect();
        (change, Next { events: self.events.len(), run, ended }, assignments)
    }

    fn puts(&self, stage: &str, attempt: u32) -> bool {
        let wanted = self.live.task(stage, attempt);
        self.work.iter().any(|change| matches!(change, WorkChange::Put { task, .. } if *task == wanted))
    }

    /// Leases a row that this very change puts; its first fence is 1.
    fn lease_put(&mut self, stage: &str, attempt: u32) -> Option<Held> {
        let wanted = self.live.task(stage, attempt);
        let owner = self.owner;
        self.work.iter_mut().find_map(|change| match change {
            WorkChange::Put { task, lease: to, .. } if *task == wanted => {
                *to = Some(lease(owner)).filter(|_| !planted(Bug::DoubleHandOver));
                Some(Held { key: task.key(), fence: 1 })
            }
            _ => None,
        })
    }
}

/// Writes down what happened to a run of a project, and the state it led to.
pub(super) fn change(
    (id, project): (RunId, ProjectId),
    run: &Run,
    events: &[Event],
    at: Timestamp,
    write: Write,
    held: Option<Held>,
    mut work: Vec<WorkChange>,
) -> RunChange {
    work.extend(wake_item(id, run, at));
    let event = |event: &Event| NewEvent {
        kind: event.kind().into(),
        stage: event.stage().map(|stage| stage.to_string()),
        data: serde_json::to_string(event).expect("events are plain data"),
    };
    RunChange {
        run: id,
        project,
        write,
        at,
        events: events.iter().map(event).collect(),
        status: run.status.word().into(),
        terminal: run.status.is_terminal(),
        started_at: run.started_at,
        finished_at: run.finished_at,
        state: serde_json::to_string(run).expect("a run is plain data"),
        held,
        work,
    }
}

/// The item that waits for a run looks at it when it has ended.
fn wake_item(id: RunId, run: &Run, at: Timestamp) -> Option<WorkChange> {
    match run.queued.as_ref()?.trigger {
        Trigger::Item { item, waits: true, .. } if run.status.is_terminal() => {
            let task = Task::Item { item, run: id };
            Some(WorkChange::Put { task, priority: 0, due: at, lease: None })
        }
        _ => None,
    }
}
