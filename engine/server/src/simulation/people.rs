//! People and their clients: they start runs, thrice each, and see them through. What they were told is kept, to be
//! held against the log at the end.

use std::sync::Arc;
use std::time::Duration;

use kiket_core::run::{Actor, Command, Doubt, DoubtCode, Queued, Resolution, Run, StageState, Trigger, Wait};
use kiket_core::{ProjectId, RunId};
use kiket_store::Seq;
use serde_json::{Map, json};
use tokio::time::{Instant, sleep, timeout};
use ulid::Ulid;

use super::Sim;
use super::checks::waits_for_nobody;
use super::node::Node;
use super::plans::{PIPELINES, revision};
use crate::clock;
use crate::dispatch::{Before, DispatchError, NewRun, Start};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long people let something lie that nobody knows the end of: longer than anything is on its way.
const CARE: Duration = Duration::from_secs(90);

/// How often people let a stage try: one may take longer than it has, each time.
const ATTEMPTS: u32 = 20;

/// Something that somebody was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// The cause has started this run.
    Started { cause: String, run: RunId },
    /// The command was taken; it shows as an event of this kind.
    Taken { run: RunId, stage: Option<String>, kind: &'static str, by: Option<String> },
}

/// The one project there is.
pub(super) fn project() -> ProjectId {
    ProjectId::new(Ulid::from_parts(0, 1))
}

/// Asks for the runs of this simulation, one after the other.
pub(super) async fn come(sim: Arc<Sim>) {
    for number in 0..sim.faults.runs {
        sleep(sim.millis(1, 20_000)).await;
        let (revision, compiled) = revision(sim.below(PIPELINES));
        let plan = compiled.plan("p").expect("the pipeline compiles");
        let queued = Queued {
            id: sim.new_run(),
            project: "shop".to_owned(),
            pipeline: "p".to_owned(),
            revision,
            commit: None,
            reference: None,
            trigger: Trigger::Api,
            actor: format!("cause-{number}"),
            inputs: Map::new(),
            item: None,
            stranger: false,
            env: Map::new(),
            stages: plan.stages().map(|stage| stage.id.as_str().into()).collect(),
            resumed_from: None,
        };
        ask_for(&sim, queued, None);
    }
    sim.done();
}

/// Sends one cause three times, until there is an answer.
fn ask_for(sim: &Arc<Sim>, queued: Queued, before: Option<Arc<Run>>) {
    for first in [true, false, false] {
        sim.begin();
        let (sim, queued, before) = (Arc::clone(sim), queued.clone(), before.clone());
        tokio::spawn(async move {
            if let Some(run) = insist(&sim, queued, before).await
                && first
            {
                see_through(&sim, run).await;
            }
            sim.done();
        });
    }
}

async fn insist(sim: &Arc<Sim>, queued: Queued, before: Option<Arc<Run>>) -> Option<RunId> {
    let cause = queued.actor.clone();
    loop {
        let queued = Queued { id: sim.new_run(), ..queued.clone() };
        let (revision, trigger_key) = (queued.revision, Some(cause.clone()));
        let new = NewRun { project: project(), revision, queued, trigger_key };
        let before = before.as_ref().map(|run| Before { run: Arc::clone(run), from: None });
        let id = new.queued.id;
        let start = Start { new, request: None, before };
        match call(sim, move |node| async move { node.dispatch.start(start).await.map(|_| id) }).await {
            Some(Ok(run) | Err(DispatchError::Duplicate(run))) => {
                sim.tell(Told::Started { cause, run });
                return Some(run);
            }
            Some(Err(DispatchError::Rejected(_))) => return None,
            _ => sleep(sim.millis(100, 3_000)).await,
        }
    }
}

/// Puts a question to some process. Nothing where there is no answer.
async fn call<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    sim: &Arc<Sim>,
    question: impl FnOnce(Arc<Node>) -> F,
) -> Option<T> {
    let node = sim.some_node()?;
    let process = Arc::clone(&node.process);
    timeout(PATIENCE, process.spawn(question(node))).await.ok()?.ok()
}

/// Gives a run what it waits for, until it has ended.
async fn see_through(sim: &Arc<Sim>, run: RunId) {
    let mut cancels = sim.chance(sim.faults.cancels).then(|| sim.below(30));
    let mut doubtful: Option<Instant> = None;
    let (mut seen, mut state) = (Seq::ZERO, Run::default());
    loop {
        sleep(sim.millis(1_000, 6_000)).await;
        if let Some(row) = sim.tables().runs.get(&run)
            && row.seq != seen
        {
            (seen, state) = (row.seq, serde_json::from_str(&row.state).expect("a state can be read"));
        }
        if state.status.is_terminal() {
            return go_on_from(sim, run, state);
        }
        if state.stages.iter().any(|stage| stage.attempt > ATTEMPTS) {
            cancels = Some(0);
        }
        if cancels == Some(0) && tell(sim, run, Command::Cancel).await {
            cancels = None;
            continue;
        }
        cancels = cancels.map(|left: u64| left.saturating_sub(1));
        for stage in &state.stages {
            match &stage.state {
                StageState::Waiting { wait: Wait::Approval { .. } } => decide(sim, run, &stage.id).await,
                StageState::NeedsAttention { doubt } => {
                    let since = doubtful.get_or_insert_with(Instant::now);
                    if since.elapsed() > CARE && !sim.world().is_in_flight(run, &stage.id) {
                        resolve(sim, run, &stage.id, doubt).await;
                        doubtful = None;
                    }
                }
                _ => {}
            }
        }
        if sim.is_calm() && waits_for_nobody(&state) {
            return;
        }
    }
}

async fn decide(sim: &Arc<Sim>, run: RunId, stage: &Arc<str>) {
    if sim.chance(400) && !sim.is_calm() {
        return;
    }
    let name = if sim.coin(500) { "ada" } else { "eve" };
    let (stage, actor) = (Arc::clone(stage), Actor { name: name.to_owned(), roles: Some(Vec::new()) });
    let (kind, command) = match sim.coin(850) {
        true => ("approval.granted", Command::Approve { stage: Arc::clone(&stage), actor, comment: None }),
        false => ("approval.rejected", Command::Reject { stage: Arc::clone(&stage), actor, comment: None }),
    };
    if tell(sim, run, command).await {
        let (stage, by) = (Some(stage.to_string()), Some(name.to_owned()));
        sim.tell(Told::Taken { run, stage, kind, by });
    }
}

async fn tell(sim: &Arc<Sim>, run: RunId, command: Command) -> bool {
    let cancels = matches!(command, Command::Cancel);
    let told = call(sim, move |node| async move { node.dispatch.tell(run, command).await }).await;
    let taken = matches!(told, Some(Ok(())));
    if taken && cancels {
        sim.tell(Told::Taken { run, stage: None, kind: "stage.cancelled", by: None });
    }
    taken
}

/// Says what became of an effect: whoever is asked looks at the world.
async fn resolve(sim: &Arc<Sim>, run: RunId, stage: &Arc<str>, doubt: &Doubt) {
    let happened = match doubt.code {
        DoubtCode::ReplayMismatch => sim.world().any(run, stage),
        _ => sim.world().happened(&(run, stage.to_string(), doubt.intent.ordinal)) > 0,
    };
    let resolution = match happened {
        true => Resolution::Happened { outputs: json!({ "said": true }) },
        false => Resolution::Retry,
    };
    let (name, whose) = (Arc::clone(stage), Actor::admin("ada"));
    let told =
        call(sim, move |node| async move { node.dispatch.resolve(run, &name, whose, resolution, None, None).await });
    if matches!(told.await, Some(Ok(()))) {
        let (stage, by) = (Some(stage.to_string()), Some("ada".to_owned()));
        sim.tell(Told::Taken { run, stage, kind: "stage.resolved", by });
    }
}

/// Goes on from a run that has failed, once.
fn go_on_from(sim: &Arc<Sim>, run: RunId, state: Run) {
    let Some(queued) = state.queued.as_deref() else { return };
    if queued.resumed_from.is_some() || state.status.word() == "succeeded" || !sim.coin(500) {
        return;
    }
    let actor = format!("resume-{run}");
    let queued = Queued { id: sim.new_run(), actor, resumed_from: Some(run), ..queued.clone() };
    sim.note(format_args!("somebody goes on from {run} at {}", clock::now()));
    ask_for(sim, queued, Some(Arc::new(state)));
}
