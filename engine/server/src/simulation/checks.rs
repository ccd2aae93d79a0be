//! What has to be true: at every checkpoint of what stands, and at the end of the whole history.

use std::collections::{BTreeMap, BTreeSet};

use kiket_core::plan::{Plan, Role};
use kiket_core::run::{Event, Run, StageState, Wait};
use kiket_core::{RunId, Timestamp};
use kiket_store::{RunRow, Task};

use super::Sim;
use super::people::Told;
use super::plans::{NOBODY, known};
use super::puppet::effects_of;
use super::tables::Tables;
use super::world::World;

/// What is to hold of a run, or what does not.
type Flaws = Vec<String>;

/// A run that goes on has a reason to: every stage that waits or works has its row of work. One that has ended has none.
pub(super) fn standing(tables: &Tables, row: &RunRow) -> Flaws {
    let rows = tables.work.values().filter(|work| work.task.run() == Some(row.id));
    if row.terminal {
        return rows.map(|work| format!("{} has ended and left {}", row.id, work.task)).collect();
    }
    let state: Run = serde_json::from_str(&row.state).expect("a state can be read");
    let mut flaws = Flaws::new();
    let mut open = false;
    for stage in &state.stages {
        let attempt = match stage.state {
            StageState::Running => stage.attempt,
            StageState::Ready | StageState::Waiting { .. } | StageState::NeedsAttention { .. } => stage.attempt + 1,
            _ => continue,
        };
        open = true;
        let task = Task::Stage { run: row.id, stage: stage.id.to_string(), attempt };
        if !tables.work.contains_key(&task.key()) {
            flaws.push(format!("{} {} is {} and has no work", row.id, stage.id, stage.state.word()));
        }
    }
    if !open {
        flaws.push(format!("{} is {} and nothing of it waits for anything", row.id, row.status));
    }
    flaws
}

/// Whether everything that is left of a run waits for somebody who never comes.
pub(super) fn waits_for_nobody(run: &Run) -> bool {
    let named = |state: &StageState| match state {
        StageState::Waiting { wait: Wait::Approval { request, .. } } => {
            let nobody = |approver: &_| *approver == kiket_core::definition::Approver::User(NOBODY.to_owned());
            request.deadline.is_none() && request.approvers.iter().any(nobody)
        }
        state => state.is_terminal() || *state == StageState::Pending,
    };
    run.stages.iter().all(|stage| named(&stage.state)) && !run.status.is_terminal()
}

/// The history of one run, event by event.
struct History<'s> {
    sim: &'s Sim,
    id: RunId,
    plan: &'s Plan,
    fold: Run,
    flaws: Flaws,
    /// How many ends every stage has had, but for those that another attempt follows.
    ends: BTreeMap<String, u32>,
    /// Since when a stage may go on.
    not_before: BTreeMap<String, Timestamp>,
}

impl History<'_> {
    fn wrong(&mut self, what: impl std::fmt::Display) {
        self.flaws.push(format!("{}: {what}", self.id));
    }

    fn take(&mut self, event: &Event, at: Timestamp) {
        if self.fold.status.is_terminal() {
            self.wrong(format_args!("{} after the end", event.kind()));
        }
        let before = event.stage().and_then(|stage| self.fold.stage(stage)).cloned();
        match (event, before) {
            (Event::StageStarted { stage, attempt }, Some(before)) => {
                if *attempt != before.attempt + 1 {
                    self.wrong(format_args!("{stage} begins attempt {attempt} after {}", before.attempt));
                }
                if let Some(due) = self.not_before.remove(&**stage).filter(|due| *due > at && !self.sim.faults.jumps) {
                    self.wrong(format_args!("{stage} begins at {at} and not at {due}"));
                }
            }
            (Event::StageRetrying { stage, attempt, error, until }, Some(before)) => {
                self.is_under_way(stage, *attempt, &before.state, before.attempt);
                if error.code == "interrupted" && !self.sim.faults.interrupts() {
                    self.wrong(format_args!("{stage} is interrupted, and nothing happened"));
                }
                if let Some(until) = until {
                    self.not_before.insert(stage.to_string(), *until);
                }
            }
            (Event::StageSucceeded { stage, attempt, kept_from: None, .. }, Some(before)) => {
                if *attempt != before.attempt {
                    self.wrong(format_args!("{stage} succeeds by attempt {attempt}, not {}", before.attempt));
                }
                self.end(stage);
            }
            (Event::ApprovalExpired { stage }, Some(before)) => {
                let StageState::Waiting { wait } = &before.state else { return self.wrong("nobody was asked") };
                if wait.until().is_none_or(|until| until > at) && !self.sim.faults.jumps {
                    self.wrong(format_args!("the approval of {stage} expires before its time"));
                }
            }
            (
                Event::StageSucceeded { stage, .. }
                | Event::StageFailed { stage, .. }
                | Event::StageSkipped { stage, .. }
                | Event::StageCancelled { stage },
                _,
            ) => self.end(stage),
            _ => {}
        }
        self.fold.apply(event, at);
    }

    fn is_under_way(&mut self, stage: &str, attempt: u32, state: &StageState, now: u32) {
        if *state != StageState::Running || attempt != now {
            self.wrong(format_args!("attempt {attempt} of {stage} ends, which is {} at {now}", state.word()));
        }
    }

    fn end(&mut self, stage: &str) {
        *self.ends.entry(stage.to_owned()).or_default() += 1;
        if self.ends[stage] > 1 {
            self.wrong(format_args!("{stage} ends twice"));
        }
    }

    /// What the plugins of the run have done to the world.
    fn effects(&mut self, world: &World) {
        let faults = self.sim.faults;
        for stage in self.fold.stages.clone() {
            let Some(call) = self.plan.position(&stage.id).and_then(|at| self.plan.stage(at).call()) else { continue };
            let count = effects_of(self.sim, self.id, &stage.id, call.effect);
            let by_itself = match &stage.state {
                StageState::Succeeded { outputs, .. } | StageState::Compensated { outputs, .. } => {
                    outputs.get("said").is_none() && stage.kept_from.is_none()
                }
                _ => false,
            };
            for which in 0..count {
                let happened = world.happened(&(self.id, stage.id.to_string(), which));
                if by_itself && happened == 0 && faults.astray == 0 {
                    self.wrong(format_args!("{} has succeeded, and its effect {which} never happened", stage.id));
                }
                if happened > stage.attempt {
                    self.wrong(format_args!("{} tries, and effect {which} happened {happened} times", stage.attempt));
                }
            }
        }
    }

    /// What an earlier run had finished is not done again.
    fn kept(&mut self, before: &Run) {
        for (position, stage) in before.stages.iter().enumerate() {
            let succeeded = |at: usize| matches!(before.stages[at].state, StageState::Succeeded { .. });
            let undone = |at: usize| {
                (0..self.plan.len()).any(|other| {
                    self.plan.stage(other).role == Role::Compensates(at) && before.stages[other].attempt > 0
                })
            };
            let holds = |at: usize| succeeded(at) && !undone(at);
            let mut open: Vec<usize> = vec![position];
            let mut all = self.plan.stage(position).role == Role::Stage && self.plan.stage(position).call().is_some();
            while let Some(at) = open.pop().filter(|_| all) {
                all = holds(at);
                open.extend(self.plan.needs(at));
            }
            if all && self.fold.stages[position].attempt > 0 {
                self.wrong(format_args!(
                    "{} is done again, although {:?} had done it",
                    stage.id,
                    before.queued.as_ref().map(|queued| queued.id)
                ));
            }
        }
    }
}

/// Holds everything against everything once all is over.
pub(super) fn in_the_end(sim: &Sim, tables: &Tables, world: &World, told: &[Told]) -> Flaws {
    let mut flaws = Flaws::new();
    let mut events: BTreeMap<RunId, Vec<(Event, Timestamp)>> = BTreeMap::new();
    for entry in &tables.log {
        let (Some(run), Some(seq)) = (entry.run, entry.seq) else { continue };
        let history = events.entry(run).or_default();
        if seq.get() != history.len() as i64 + 1 {
            flaws.push(format!("{run}: event {seq} after {}", history.len()));
        }
        history.push((serde_json::from_str(&entry.data).expect("an event can be read"), entry.at));
    }
    let mut causes = BTreeSet::new();
    for row in tables.runs.values() {
        flaws.extend(standing(tables, row));
        let revision = known(row.revision).expect("the revision was made");
        let plan = revision.plan("p").expect("the pipeline compiles");
        let mut history = History {
            sim,
            id: row.id,
            plan,
            fold: Run::default(),
            flaws: Flaws::new(),
            ends: BTreeMap::new(),
            not_before: BTreeMap::new(),
        };
        for (event, at) in events.get(&row.id).into_iter().flatten() {
            history.take(event, *at);
        }
        if serde_json::to_string(&history.fold).expect("a run is plain data") != row.state {
            history.wrong("the state is not the fold of the history");
        }
        history.effects(world);
        let before = history.fold.queued.as_ref().and_then(|queued| queued.resumed_from);
        if let Some(before) = before.and_then(|before| tables.runs.get(&before)) {
            history.kept(&serde_json::from_str(&before.state).expect("a state can be read"));
        }
        flaws.append(&mut history.flaws);
        if let Some(queued) = &history.fold.queued
            && !causes.insert(queued.actor.clone())
        {
            flaws.push(format!("{} has started a second run, {}", queued.actor, row.id));
        }
    }
    let kinds = |run: &RunId| events.get(run).into_iter().flatten().map(|(event, _)| event);
    for told in told {
        let found = match told {
            Told::Started { cause, run } => {
                kinds(run).any(|event| matches!(event, Event::RunQueued(queued) if queued.actor == *cause))
            }
            Told::Taken { run, stage, kind, by } => kinds(run).any(|event| {
                let who = match event {
                    Event::ApprovalGranted { by, .. }
                    | Event::ApprovalRejected { by, .. }
                    | Event::StageResolved { by, .. } => Some(by),
                    _ => None,
                };
                let same = stage.is_none() || event.stage().map(|stage| stage.to_string()) == *stage;
                event.kind() == *kind && same && (by.is_none() || who == by.as_ref())
            }),
        };
        if !found {
            flaws.push(format!("it was said that {told:?}, and the log knows nothing of it"));
        }
    }
    flaws
}
