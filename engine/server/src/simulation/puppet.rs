//! Scripted plugins: a worker whose attempts are carried out in words, with effects through the real journal.
//!
//! What a stage does follows from its name, so that an attempt that goes on after a crash asks for the same; how it ends
//! is luck.

use std::sync::Arc;
use std::time::Duration;

use kiket_core::manifest::Effect as Class;
use kiket_core::plan::CallPlan;
use kiket_core::run::{Outcome, StageError, Usage};
use kiket_core::{ItemId, RunId};
use kiket_host::Lost;
use kiket_store::{Held, Journal};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::Sim;
use super::handle::Handle;
use super::luck::Luck;
use super::node::Process;
use super::plans::Shelf;
use super::world::Call;
use crate::dispatch::{Assignment, Dispatch, Slots, Snapshot};
use crate::driver::{Denied, Effects, End, Known, Performed, Tried, Worker, settle};

/// A worker of a simulated process.
pub(super) struct Puppet {
    pub(super) sim: Arc<Sim>,
    pub(super) ledger: Handle,
    pub(super) dispatch: Arc<Dispatch<Handle, Shelf>>,
    pub(super) slots: Arc<Slots>,
    pub(super) owner: String,
    pub(super) process: Arc<Process>,
}

/// A refusal of the world, as a plugin hears of it.
#[derive(Serialize, Deserialize)]
struct Refused(String);

impl Denied for Refused {
    fn denied(message: String) -> Self {
        Self(message)
    }
}

/// What a stage does, one thing after the other.
enum Step {
    Work(Duration),
    Clock,
    Read,
    Effect(u32),
}

/// The effects of a stage: how many there are.
pub(super) fn effects_of(sim: &Sim, run: RunId, stage: &str, class: Class) -> u32 {
    let steps = script(sim, run, stage, class);
    u32::try_from(steps.iter().filter(|step| matches!(step, Step::Effect(_))).count()).unwrap_or_default()
}

fn script(sim: &Sim, run: RunId, stage: &str, class: Class) -> Vec<Step> {
    let name = run
        .to_string()
        .bytes()
        .chain(stage.bytes())
        .fold(sim.seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3).rotate_left(17));
    let mut luck = Luck::new(name);
    let effects = match class {
        Class::Pure => 0,
        // A plugin that can tell what happened tells of one thing.
        Class::Checkable => 1,
        Class::Idempotent | Class::Once => 1 + luck.below(3),
    };
    let mut steps = Vec::new();
    let longest = luck.pick(&[200, 2_000, 2_000, 40_000]);
    for effect in 0..=effects {
        for _ in 0..luck.below(3) {
            steps.push(match luck.below(3) {
                0 => Step::Clock,
                1 => Step::Read,
                _ => Step::Work(luck.millis(1, longest)),
            });
        }
        if effect < effects {
            steps.push(Step::Effect(u32::try_from(effect).unwrap_or_default()));
        }
    }
    steps
}

/// One attempt under way.
struct Attempt<'a> {
    sim: &'a Sim,
    run: RunId,
    stage: &'a str,
    class: Class,
    journal: u32,
    held: &'a Held,
    effects: Effects<Handle>,
}

impl Attempt<'_> {
    async fn act(&self) -> Result<(), StageError> {
        let (sim, faults) = (self.sim, self.sim.faults);
        let steps = script(sim, self.run, self.stage, self.class);
        let fails = (sim.chance(faults.failing) || sim.chance(faults.transient)).then(|| sim.below(steps.len() as u64));
        for (index, step) in steps.iter().enumerate() {
            if fails == Some(index as u64) {
                break;
            }
            match step {
                Step::Work(time) => sleep(*time).await,
                Step::Clock => drop(self.effects.now()),
                Step::Read => {
                    let read = self.effects.read("http", &index, async { Ok(sim.below(10)) });
                    read.await.map_err(|lost| gone(&lost))?;
                }
                Step::Effect(which) => self.effect(*which).await?,
            }
        }
        if sim.chance(faults.never) {
            std::future::pending::<()>().await;
        }
        match fails {
            None => Ok(()),
            Some(_) if sim.chance(faults.failing) => {
                Err(StageError::new(if sim.coin(500) { "permanent" } else { "trap" }, "broken"))
            }
            Some(_) => {
                let retry_after_ms = sim.coin(300).then(|| sim.below(30_000));
                Err(StageError { retry_after_ms, ..StageError::new("transient", "not now") })
            }
        }
    }

    async fn effect(&self, which: u32) -> Result<(), StageError> {
        let (sim, call) = (self.sim, (self.run, self.stage.to_owned(), which));
        let astray = sim.chance(sim.faults.astray);
        let body = format!("{}/{which}/{}", self.stage, if astray { sim.below(1_000) } else { 0 });
        let answer = self.effects.effect("http", &body, &body, self.send(&call, &body)).await;
        let answer: Result<u32, Refused> = answer.map_err(|lost| gone(&lost))?;
        sim.world().answer(&call, self.journal);
        answer.map(drop).map_err(|refused| StageError::new("transient", refused.0))
    }

    async fn send(&self, call: &Call, body: &str) -> Result<Tried<u32, Refused>, Lost> {
        let sim = self.sim;
        let _on_its_way = Flight::begin(sim, call, self.journal, !sim.tables().holds(self.held));
        let broken = sim.chance(sim.faults.broken);
        sleep(sim.millis(1, 1_500)).await;
        if broken && sim.coin(500) {
            return Ok(Tried { answer: Err(Refused("the connection broke".into())), certain: false });
        }
        if sim.chance(sim.faults.transient / 4) {
            return Ok(Tried::certain(Err(Refused("not now".into()))));
        }
        sim.note(format_args!("{} {} {} happens", call.0, call.1, call.2));
        let wrong = sim.world().happen(call, self.class, body, sim.faults.astray > 0);
        wrong.into_iter().for_each(|wrong| sim.wrong(wrong));
        sleep(sim.millis(1, 1_500)).await;
        Ok(match broken {
            true => Tried { answer: Err(Refused("the connection broke".into())), certain: false },
            false => Tried::certain(Ok(call.2)),
        })
    }
}

/// A call that is on its way until this is dropped.
struct Flight<'a>(&'a Sim, &'a Call);

impl<'a> Flight<'a> {
    fn begin(sim: &'a Sim, call: &'a Call, journal: u32, late: bool) -> Self {
        let wrong = sim.world().send(call, journal, late);
        wrong.into_iter().for_each(|wrong| sim.wrong(wrong));
        Self(sim, call)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.world().land(self.1);
    }
}

/// How the sandbox ends a call whose work is somebody else's.
fn gone(lost: &Lost) -> StageError {
    StageError::new("lost", lost.to_string())
}

/// Whether a plugin can tell what became of its effect.
fn look(sim: &Sim, run: RunId, stage: &str) -> Known {
    let world = sim.world();
    if world.is_in_flight(run, stage) || sim.chance(sim.faults.broken) {
        return Known::Unknown("it may be on its way".to_owned());
    }
    match world.happened(&(run, stage.to_owned(), 0)) {
        0 => Known::DidNotHappen,
        _ => Known::Happened(json!({ "seen": true })),
    }
}

impl Worker for Puppet {
    type Ledger = Handle;
    type Plans = Shelf;

    fn ledger(&self) -> &Handle {
        &self.ledger
    }

    fn dispatch(&self) -> &Dispatch<Handle, Shelf> {
        &self.dispatch
    }

    fn slots(&self) -> &Slots {
        &self.slots
    }

    fn owner(&self) -> &str {
        &self.owner
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.process.spawn(task);
    }

    async fn perform(self: &Arc<Self>, assignment: &Assignment) -> Option<Performed> {
        let Assignment { run, stage, attempt, held, plan, state, .. } = assignment;
        let position = plan.position(stage).expect("a run has the stages of its plan");
        let call: &CallPlan = plan.stage(position).call().expect("the stage makes a call");
        let journal = state.stage(stage).map_or(*attempt, |stage| stage.journal);
        let name = Journal { run: *run, stage: stage.to_string(), attempt: journal };
        self.sim.note(format_args!("{} carries out {run} {stage} {attempt}", self.owner));
        let opened = Effects::open(self.ledger.clone(), name, *attempt, held.clone(), call.effect).await;
        let effects = match opened {
            Ok(effects) => effects,
            Err(error) => return Some((Outcome::Failed(error), None)),
        };
        let attempted = Attempt { sim: &self.sim, run: *run, stage, class: call.effect, journal, held, effects };
        let ended = timeout(call.timeout.unwrap_or(Duration::from_secs(60)), attempted.act()).await;
        let ended = ended.unwrap_or_else(|_| Err(StageError::new("timeout_wall", "it took too long")));
        let outcome = match (attempted.effects.end(), ended) {
            (Some(End::CutOff), _) => return None,
            (Some(End::InDoubt(doubt)), _) => settle(call.effect, doubt, async { look(&self.sim, *run, stage) }).await,
            (Some(End::Failed(error)), _) => Outcome::Failed(error),
            (None, Ok(())) => {
                let outputs = json!({ "fence": held.fence, "attempt": attempt });
                Outcome::Succeeded { outputs, usage: Usage::default() }
            }
            (None, Err(error)) => Outcome::Failed(StageError { effects: attempted.effects.count(), ..error }),
        };
        Some((outcome, None))
    }

    async fn ask(self: &Arc<Self>, snapshot: &Snapshot, stage: &str, _: &Held) -> Known {
        let run = snapshot.state.queued.as_ref().map(|queued| queued.id);
        sleep(self.sim.millis(1, 500)).await;
        run.map_or_else(|| Known::Unknown(String::new()), |run| look(&self.sim, run, stage))
    }

    async fn item_ended(&self, _: ItemId, _: RunId, _: Held) {}
}
