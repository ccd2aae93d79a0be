//! What the simulation found: a process that has seen an older state of a run than the one that is stored.

use std::sync::Arc;

use kiket_core::RunId;
use kiket_core::run::{Found, Outcome, Queued, StageState, Trigger, Usage};
use kiket_store::{Claim, Work};
use serde_json::{Map, json};
use tokio::sync::mpsc;

use super::handle::Handle;
use super::luck::Faults;
use super::people::project;
use super::plans::{Shelf, of_text};
use super::{START, Sim};
use crate::clock::{self, simulated};
use crate::dispatch::{Assignment, Dispatch, DispatchError, LEASE, NewRun, Slots};

const TEXT: &str = "
model_version: \"1.0\"
pipeline: { id: p }
stages:
  pay: { uses: work/once }
  tell: { uses: work/pure, needs: [pay] }
";

/// A process without a loop: what it does is said here.
struct Hand {
    sim: Arc<Sim>,
    dispatch: Dispatch<Handle, Shelf>,
    slots: Slots,
    name: &'static str,
    _handed: mpsc::UnboundedReceiver<Assignment>,
}

impl Hand {
    fn new(sim: &Arc<Sim>, name: &'static str) -> Self {
        let (hand, handed) = mpsc::unbounded_channel();
        // None are free: nothing is handed over, and everything is claimed.
        let none = Arc::new(Slots::new(0));
        let ledger = Handle::new(sim, 1, name);
        let shelf = Arc::new(Shelf(Arc::clone(sim)));
        let dispatch = Dispatch::new(ledger, shelf, none, name.to_owned(), hand);
        Self { sim: Arc::clone(sim), dispatch, slots: Slots::new(1), name, _handed: handed }
    }

    async fn start(&self) -> RunId {
        let (revision, compiled) = of_text(TEXT);
        let plan = compiled.plan("p").expect("the pipeline compiles");
        let queued = Queued {
            id: self.sim.new_run(),
            project: "shop".to_owned(),
            pipeline: "p".to_owned(),
            revision,
            commit: None,
            reference: None,
            trigger: Trigger::Api,
            actor: "ada".to_owned(),
            inputs: Map::new(),
            item: None,
            stranger: false,
            env: Map::new(),
            stages: plan.stages().map(|stage| stage.id.as_str().into()).collect(),
            resumed_from: None,
        };
        let id = queued.id;
        let new = NewRun { project: project(), revision, queued, trigger_key: None };
        self.dispatch.start(new).await.expect("a run");
        id
    }

    fn claim(&self) -> Work {
        let now = clock::now();
        let owner = self.name.to_owned();
        let claim = Claim { owner, kinds: Vec::new(), limit: 1, now, until: now.after(LEASE) };
        self.sim.tables().claim(1, &claim).pop().expect("there is work")
    }

    /// Looks at the run, finds nothing of note, and begins.
    async fn begin(&self, run: RunId, stage: &str, work: &Work) -> Result<Option<Assignment>, DispatchError> {
        let seen = self.dispatch.look(run).await?.seq;
        let slot = self.slots.wait().await;
        self.dispatch.begin(run, stage.into(), work.held(), slot, (Found::Nothing, seen)).await
    }
}

/// Two processes that have both seen a new run.
async fn two() -> (Hand, Hand, RunId) {
    simulated::set(START);
    let mut sim = Sim::new(0, false);
    sim.faults = Faults { slow: 0, before: 0, after: 0, reads: 0, gone: 0, lost: 0, late: 0, ..sim.faults };
    let sim = Arc::new(sim);
    let (one, other) = (Hand::new(&sim, "one"), Hand::new(&sim, "other"));
    let run = one.start().await;
    other.dispatch.look(run).await.expect("it looks at the run");
    (one, other, run)
}

#[tokio::test(start_paused = true)]
async fn a_refusal_counts_only_on_the_run_that_is_stored() {
    let (one, other, run) = two().await;
    let begun = one.begin(run, "pay", &one.claim()).await.expect("it begins").expect("an assignment");
    let done = Outcome::Succeeded { outputs: json!({}), usage: Usage::default() };
    // What comes next is handed to the same slot, which does not get to it.
    drop(one.dispatch.finish(begun, done, None).await.expect("it ends"));
    tokio::time::advance(LEASE).await;
    let work = other.claim();

    let begun = other.begin(run, "tell", &work).await;
    assert!(matches!(begun, Err(DispatchError::Moved(_))), "in the run that it has seen, the stage is pending");
    drop(begun);
    let begun = other.begin(run, "tell", &work).await;
    assert!(matches!(begun, Ok(Some(_))), "in the one that is stored, it was cut off");
    simulated::unset();
}

#[tokio::test(start_paused = true)]
async fn whoever_was_cut_off_is_looked_at_again_before_another_attempt_begins() {
    let (one, other, run) = two().await;
    let begun = one.begin(run, "pay", &one.claim()).await.expect("it begins").expect("an assignment");
    drop(begun);
    tokio::time::advance(LEASE).await;

    let begun = other.begin(run, "pay", &other.claim()).await;

    assert!(matches!(begun, Err(DispatchError::Moved(_))), "the other one has found nothing where nothing had begun");
    let state = other.dispatch.look(run).await.expect("the run").state;
    let pay = state.stage("pay").expect("the stage");
    assert_eq!((&pay.state, pay.attempt), (&StageState::Running, 1));
    simulated::unset();
}
