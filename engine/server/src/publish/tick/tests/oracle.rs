//! What should have happened, said once more and more simply: which times of which schedules start runs, and when timers
//! of runs may ring.

use std::collections::{BTreeMap, BTreeSet};

use kiket_core::run::{Event, Trigger};
use kiket_core::schedule::{CATCH_UP, Missed, Schedule};
use kiket_core::{RunId, Timestamp};
use kiket_store::Entry;

/// A schedule of a pipeline.
pub(super) type Name = (String, String);

/// A schedule in force, with all of its times.
struct Expected {
    missed: Missed,
    times: Vec<Timestamp>,
    /// Those before this one are settled.
    next: usize,
}

/// The times that should have started a run.
#[derive(Default)]
pub(super) struct Ticks {
    in_force: BTreeMap<Name, Expected>,
    started: BTreeSet<(Name, Timestamp)>,
}

impl Ticks {
    /// Puts schedules in force at `now`; those that were stay as they are.
    pub(super) fn publish(&mut self, schedules: Vec<(String, Schedule)>, now: Timestamp, end: Timestamp) {
        let mut before = std::mem::take(&mut self.in_force);
        for (pipeline, schedule) in schedules {
            let name = (pipeline, schedule.to_string());
            let expected = before.remove(&name).unwrap_or_else(|| {
                let first = schedule.next(now);
                let times = std::iter::successors(first, |last| schedule.next(*last));
                let times = times.take_while(|time| *time <= end).collect();
                Expected { missed: schedule.missed, times, next: 0 }
            });
            self.in_force.insert(name, expected);
        }
    }

    /// Whoever is there at `now` does what is due.
    pub(super) fn settle(&mut self, now: Timestamp) {
        for (name, expected) in &mut self.in_force {
            let due = &expected.times[expected.next..];
            let due = &due[..due.partition_point(|time| *time <= now)];
            expected.next += due.len();
            let kept: Vec<Timestamp> = match (expected.missed, due.last()) {
                (_, None) => vec![],
                (Missed::Once, Some(last)) => vec![*last],
                (Missed::Skip, Some(last)) if now.millis() - last.millis() > 60_000 => vec![],
                (Missed::Skip, Some(last)) => vec![*last],
                (Missed::All, Some(_)) => due[due.len().saturating_sub(CATCH_UP)..].to_vec(),
            };
            self.started.extend(kept.into_iter().map(|time| (name.clone(), time)));
        }
    }

    /// Compares with what did start, and says what is wrong.
    pub(super) fn compare(&self, happened: &Happened) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut seen = BTreeSet::new();
        for (name, nominal, started) in &happened.ticks {
            let tick = (name.clone(), *nominal);
            if started < nominal {
                wrong.push(format!("{nominal} of {name:?} started at {started}, before it is due"));
            }
            if !self.started.contains(&tick) {
                wrong.push(format!("{nominal} of {name:?} started and should not have"));
            }
            if !seen.insert(tick) {
                wrong.push(format!("{nominal} of {name:?} started twice"));
            }
        }
        let lost = self.started.difference(&seen);
        wrong.extend(lost.map(|(name, nominal)| format!("{nominal} of {name:?} is lost")));
        wrong
    }
}

/// What the log says.
#[derive(Default)]
pub(super) struct Happened {
    /// Schedule, nominal time and start of every run.
    ticks: Vec<(Name, Timestamp, Timestamp)>,
    /// When each run may have used up its time.
    deadlines: BTreeMap<RunId, Timestamp>,
    /// Until when stages wait.
    waits: BTreeMap<(RunId, String), Timestamp>,
    /// How many timers have rung.
    pub(super) timers: usize,
    wrong: Vec<String>,
}

impl Happened {
    /// Takes one entry after the other.
    pub(super) fn read(&mut self, entry: &Entry, timeout: impl Fn(&str) -> Option<std::time::Duration>) {
        let (Some(run), Some(_)) = (entry.run, entry.seq) else { return };
        let event: Event = serde_json::from_str(&entry.data).expect("an event");
        match event {
            Event::RunQueued(queued) => {
                let Trigger::Schedule { cron, timezone, nominal } = &queued.trigger else { return };
                let name = (queued.pipeline.clone(), format!("{cron} {timezone}"));
                self.ticks.push((name, *nominal, entry.at));
                self.timers += 1;
                if let Some(timeout) = timeout(&queued.pipeline) {
                    self.deadlines.insert(run, entry.at.after(timeout));
                }
            }
            Event::StageRetrying { stage, until: Some(until), .. } => self.wait(run, &stage, until),
            Event::ApprovalRequested { stage, request } => {
                self.wait(run, &stage, request.deadline.expect("it has a deadline"));
            }
            Event::StageStarted { stage, attempt } if attempt > 1 => self.ring(run, &stage, entry.at),
            Event::ApprovalExpired { stage } => self.ring(run, &stage, entry.at),
            Event::StageFailed { stage, error, .. } if error.code == "timeout_run" => {
                // Whatever the stage waited for, it does not any more.
                self.waits.remove(&(run, stage.to_string()));
                if let Some(deadline) = self.deadlines.remove(&run) {
                    self.timers += 1;
                    self.at_last(&format!("the deadline of {run}"), deadline, entry.at);
                }
            }
            _ => {}
        }
    }

    /// Says what is wrong at the end, when nothing waits any more.
    pub(super) fn wrong(self) -> Vec<String> {
        let forgotten = self.waits.keys().map(|(run, stage)| format!("{stage} of {run} waits for ever"));
        forgotten.chain(self.wrong.iter().cloned()).collect()
    }

    fn wait(&mut self, run: RunId, stage: &str, until: Timestamp) {
        if self.waits.insert((run, stage.to_owned()), until).is_some() {
            self.wrong.push(format!("{stage} of {run} waits twice"));
        }
    }

    fn ring(&mut self, run: RunId, stage: &str, at: Timestamp) {
        match self.waits.remove(&(run, stage.to_owned())) {
            Some(until) => {
                self.timers += 1;
                self.at_last(&format!("{stage} of {run}"), until, at);
            }
            // One that a crash cut off goes on without a wait; nothing does here.
            None => self.wrong.push(format!("{stage} of {run} goes on twice")),
        }
    }

    fn at_last(&mut self, what: &str, due: Timestamp, at: Timestamp) {
        if at < due {
            self.wrong.push(format!("{what} rang at {at}, before it is due at {due}"));
        }
    }
}
