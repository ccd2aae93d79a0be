//! One slot at work: an attempt, its end, and the stage that the end readies, until none is left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kiket_core::plan::{CallPlan, Plan, StagePlan};
use kiket_core::planted::{Bug, planted};
use kiket_core::revision::Revision;
use kiket_core::run::{Call, Outcome, Run, StageError, Usage};
use kiket_core::{ItemId, RunId};
use kiket_host::wit::action::Invocation;
use kiket_host::{
    HostCalls, InvokeError, Level, Limits, LogLine, Output, Placeholders, Progress, ReportCalls as _, Terms,
};

use kiket_store::{Held, Records, Store};
use tracing::{Instrument as _, Span};

use super::calls::{Calls, End, Place};
use super::{Driver, Known, Worker, recovery};
use crate::dispatch::{Assignment, Dispatch, DispatchError, Slots, Snapshot};
use crate::revisions::Revisions;
use crate::{grants, telemetry};

/// How long one attempt may take where the stage says nothing.
const WALL: Duration = Duration::from_secs(10 * 60);

pub(super) async fn run<W: Worker>(worker: Arc<W>, assignment: Assignment) {
    let mut next = Some(assignment);
    while let Some(assignment) = next.take() {
        let run = assignment.run;
        // What is not wanted any more is dropped, be it done or not: its end would be refused.
        let (outcome, records) = tokio::select! {
            biased;
            () = assignment.stop.cancelled() => {
                if planted(Bug::SlotLost) {
                    std::mem::forget(assignment.slot);
                }
                return;
            }
            performed = worker.perform(&assignment).instrument(span(&assignment)) => performed,
        };
        match &outcome {
            Outcome::Failed(error) => {
                tracing::info!(run.id = %run, stage.id = %assignment.stage, error.code = %error.code, "stage failed");
            }
            Outcome::InDoubt(doubt) => {
                tracing::warn!(run.id = %run, stage.id = %assignment.stage, effect = doubt.intent.summary, "in doubt");
            }
            Outcome::Succeeded { .. } => {}
        }
        match worker.dispatch().finish(assignment, outcome, records).await {
            Ok(assignment) => next = assignment,
            Err(DispatchError::Lost | DispatchError::Rejected(_)) => {}
            Err(error) => tracing::error!(run.id = %run, %error, "the end of a stage cannot be recorded"),
        }
    }
}

impl Worker for Driver {
    type Ledger = Store;
    type Plans = Revisions;

    fn ledger(&self) -> &Store {
        &self.store
    }

    fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    fn slots(&self) -> &Slots {
        &self.slots
    }

    fn owner(&self) -> &str {
        &self.owner
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.guests.spawn(task);
    }

    async fn perform(self: &Arc<Self>, assignment: &Assignment) -> (Outcome, Option<Records>) {
        let begun = Instant::now();
        let (mut outcome, calls) = perform(self, assignment).await;
        self.metrics.attempt(&outcome, begun.elapsed());
        let Some(calls) = calls else { return (outcome, None) };
        calls.mask(&mut outcome);
        (outcome, calls.last_records().await)
    }

    async fn ask(self: &Arc<Self>, snapshot: &Snapshot, stage: &str, held: &Held) -> Known {
        recovery::ask_about(self, snapshot, stage, held).await
    }

    async fn item_ended(&self, item: ItemId, run: RunId, held: Held) {
        if let Err(error) = self.items.run_ended(item, run, held).await {
            tracing::error!(item.id = %item, run.id = %run, %error, "an item cannot go on after its actions");
        }
    }
}

/// The span of an attempt, in the trace of its run.
fn span(assignment: &Assignment) -> Span {
    let project = assignment.state.queued.as_ref().map(|queued| queued.project.as_str());
    let span = tracing::debug_span!(
        target: telemetry::TARGET,
        "stage",
        run.id = %assignment.run,
        stage.id = %assignment.stage,
        stage.attempt = assignment.attempt,
        project,
    );
    telemetry::join(&span, assignment.run);
    span
}

/// Carries out the attempt. What its journal makes of it counts for more than what became of the call.
async fn perform(driver: &Arc<Driver>, assignment: &Assignment) -> (Outcome, Option<Arc<Calls>>) {
    let position = assignment.plan.position(&assignment.stage).expect("a run has the stages of its plan");
    let stage = assignment.plan.stage(position);
    let Some(made) = stage.call() else {
        return (Outcome::Failed(StageError::new("internal", "the stage makes no call")), None);
    };
    let place = Place {
        run: assignment.run,
        project: assignment.project,
        stage: Arc::clone(&assignment.stage),
        attempt: assignment.attempt,
        journal: assignment.state.stage(&assignment.stage).map_or(assignment.attempt, |stage| stage.journal),
        held: assignment.held.clone(),
        class: made.effect,
        plugin: made.plugin.clone(),
        queued: assignment.state.queued.clone(),
    };
    let calls = match Calls::open(driver, place).await {
        Ok(calls) => calls,
        Err(error) => return (Outcome::Failed(error), None),
    };
    let at = At {
        run: assignment.run,
        state: &assignment.state,
        plan: &assignment.plan,
        revision: &assignment.revision,
        stage,
        attempt: assignment.attempt,
    };
    let result = attempt(driver, &at, made, &calls).await;
    let outcome = match (calls.end(), result) {
        (Some(End::InDoubt(doubt)), _) => {
            recovery::settle(made.effect, doubt, recovery::ask_again(driver, &at, made, &calls)).await
        }
        (Some(End::Failed(error)), _) => Outcome::Failed(error),
        (None, Ok(output)) => succeeded(driver, made, output),
        (None, Err(error)) => Outcome::Failed(StageError { effects: calls.effects(), ..error }),
    };
    (outcome, Some(calls))
}

/// Where in a run an action is called.
pub(super) struct At<'a> {
    pub(super) run: RunId,
    pub(super) state: &'a Run,
    pub(super) plan: &'a Plan,
    pub(super) revision: &'a Revision,
    pub(super) stage: &'a StagePlan,
    pub(super) attempt: u32,
}

async fn attempt(driver: &Driver, at: &At<'_>, made: &CallPlan, calls: &Arc<Calls>) -> Result<Output, StageError> {
    let (terms, invocation) = prepare(driver, at, made, calls).await?;
    let span = tracing::debug_span!(
        target: telemetry::TARGET,
        "plugin",
        run.id = %at.run,
        stage.id = %at.stage.id,
        project = at.state.queued.as_ref().map(|queued| queued.project.as_str()),
        plugin = %made.plugin,
        action = %made.action,
    );
    let invoked = driver.plugins.invoke(terms, invocation, Arc::clone(calls) as Arc<dyn HostCalls>);
    let output = invoked.instrument(span).await;
    if let Err(error) = &output {
        tell(error, calls).await;
    }
    output.map_err(|error| failure(&error))
}

/// Ends the log with how the sandbox ended the call: the guest had no chance to. What it wrote last is there already.
async fn tell(error: &InvokeError, calls: &Calls) {
    let InvokeError::Stopped { message, .. } = error else { return };
    for line in message.lines().filter(|line| !line.starts_with("  stderr: ")) {
        // Nobody is told where the stage is somebody else's by now.
        let _ = calls.log(LogLine { level: Level::Error, text: line.to_owned() }).await;
    }
}

/// Computes the input, checks it and makes the plugin callable.
pub(super) async fn prepare(
    driver: &Driver,
    at: &At<'_>,
    made: &CallPlan,
    calls: &Calls,
) -> Result<(Terms, Invocation), StageError> {
    let stranger = at.state.queued.as_ref().is_some_and(|queued| queued.stranger);
    if let Some(name) = made.secrets().first().filter(|_| stranger) {
        let message = format!("the stage names secret `{name}`, and a stranger's commit gets none");
        return Err(StageError::new("no_secrets", message));
    }
    let granted = if stranger { grants::for_stranger } else { grants::of };
    let purpose = |what: &str| driver.secrets.derive(&format!("{what}/{}/{}", at.run, at.stage.id));
    // The same for every attempt: one that goes on after a crash has to ask for the same to the letter.
    let nonce = hex::encode(&purpose("placeholder")[..16]);
    let named = kiket_core::expression::Placeholders::new(nonce.as_str());
    let call = at.state.call(at.plan, at.stage, made, at.attempt, Some(&named));
    let Call { input, env } = call.map_err(|error| StageError::new("expression", error.to_string()))?;
    if !driver.plugins.is_compiled(&made.digest) {
        let message = format!("compiling {} for its first use", made.plugin);
        let _ = calls.progress(Progress { message, done: 0, total: None }).await;
    }
    let plugin = driver.plugins.load(&made.digest).await;
    let plugin = plugin.map_err(|error| StageError::new(error.code(), error.to_string()))?;
    // What was computed could not be checked before; what was written out was.
    if !made.input.is_literal() {
        driver
            .plugins
            .check_input(&made.digest, &made.action, &input)
            .map_err(|reason| StageError::new("invalid_input", reason))?;
    }
    let terms = Terms {
        plugin,
        grants: granted(at.revision, &made.plugin),
        limits: Limits { wall: made.timeout.unwrap_or(WALL), cpu: driver.cpu, ..Limits::default() },
        placeholders: Placeholders::new(&nonce),
        seed: purpose("random"),
    };
    let invocation = Invocation {
        action: made.action.clone(),
        input: input.to_string(),
        env,
        project: at.state.queued.as_ref().map(|queued| queued.project.clone()).unwrap_or_default(),
        run: at.run.to_string(),
        stage: at.stage.id.clone(),
        attempt: at.attempt,
        effect_key: format!("{}/{}", at.run, at.stage.id),
    };
    Ok((terms, invocation))
}

/// What an attempt that came to nothing tells the run.
fn failure(error: &InvokeError) -> StageError {
    let retry_after = match error {
        InvokeError::Failure { retry_after, .. } => *retry_after,
        InvokeError::NotLoaded(_) | InvokeError::Stopped { .. } => None,
    };
    StageError { retry_after_ms: retry_after.map(millis), ..StageError::new(error.code(), error.to_string()) }
}

/// Takes the output for what it says it is, as far as the manifest's schema bears that out.
fn succeeded(driver: &Driver, made: &CallPlan, output: Output) -> Outcome {
    let usage = Usage {
        cpu_ms: millis(output.usage.cpu),
        wall_ms: millis(output.usage.wall),
        memory_bytes: output.usage.peak_memory,
    };
    let outputs = serde_json::from_str(&output.json).map_err(|error| error.to_string());
    let checked = outputs.and_then(|outputs| {
        driver.plugins.check_output(&made.digest, &made.action, &outputs)?;
        Ok(outputs)
    });
    match checked {
        Ok(outputs) => Outcome::Succeeded { outputs, usage },
        Err(reason) => Outcome::Failed(StageError::new("invalid_output", reason)),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
