//! One slot at work: an attempt, its end, and the stage that the end readies, until none is left.

use std::sync::Arc;
use std::time::Duration;

use kiket_core::plan::{CallPlan, StagePlan};
use kiket_core::run::{Call, Outcome, StageError, Usage};
use kiket_host::{Grants, HostCalls as _, HttpGrant, Invocation, InvokeError, Limits, Output, Progress};

use super::Driver;
use super::calls::Calls;
use crate::dispatch::{Assignment, DispatchError};

/// How long one attempt may take where the stage says nothing.
const WALL: Duration = Duration::from_secs(10 * 60);

pub(super) async fn run(driver: Arc<Driver>, assignment: Assignment) {
    let mut next = Some(assignment);
    while let Some(assignment) = next.take() {
        let run = assignment.run;
        let calls = Calls::new(&driver, &assignment);
        let outcome = tokio::select! {
            outcome = perform(&driver, &assignment, &calls) => outcome,
            () = assignment.stop.cancelled() => return,
        };
        if let Outcome::Failed(error) = &outcome {
            tracing::info!(run.id = %run, stage.id = %assignment.stage, error.code = %error.code, "stage failed");
        }
        let records = calls.last_records().await;
        match driver.dispatch.finish(assignment, outcome, records).await {
            Ok(assignment) => next = assignment,
            Err(DispatchError::Lost | DispatchError::Rejected(_)) => {}
            Err(error) => tracing::error!(run.id = %run, %error, "the end of a stage cannot be recorded"),
        }
    }
}

async fn perform(driver: &Driver, assignment: &Assignment, calls: &Arc<Calls>) -> Outcome {
    let position = assignment.plan.position(&assignment.stage).expect("a run has the stages of its plan");
    let stage = assignment.plan.stage(position);
    match attempt(driver, assignment, stage, calls).await {
        Ok(output) => succeeded(output),
        Err(error) => Outcome::Failed(error),
    }
}

async fn attempt(
    driver: &Driver,
    assignment: &Assignment,
    stage: &StagePlan,
    calls: &Arc<Calls>,
) -> Result<Output, StageError> {
    let made = stage.call().ok_or_else(|| StageError::new("internal", "the stage makes no call"))?;
    let call = assignment.state.call(&assignment.plan, stage, made, assignment.attempt);
    let call = call.map_err(|error| StageError::new("expression", error.to_string()))?;
    if !driver.plugins.is_loaded(&made.digest) {
        let message = format!("compiling {} for its first use", made.plugin);
        let _ = calls.progress(Progress { message, done: 0, total: None }).await;
    }
    let plugin = driver.plugins.load(&made.digest).await;
    let plugin = plugin.map_err(|error| StageError::new("plugin", error.to_string()))?;
    let Call { input, env } = call;
    // What was computed could not be checked before; what was written out was.
    if !made.input.is_literal() {
        driver
            .plugins
            .check_input(&made.digest, &made.action, &input)
            .map_err(|reason| StageError::new("invalid_input", reason))?;
    }
    let invocation = Invocation {
        plugin,
        action: made.action.clone(),
        input: input.to_string(),
        env,
        run: assignment.run.to_string(),
        stage: assignment.stage.to_string(),
        attempt: assignment.attempt,
        effect_key: format!("{}/{}", assignment.run, assignment.stage),
        grants: grants(assignment, made),
        limits: Limits { wall: made.timeout.unwrap_or(WALL), ..Limits::default() },
    };
    let output = driver.plugins.invoke(invocation, Arc::clone(calls) as Arc<dyn kiket_host::HostCalls>).await;
    output.map_err(|error| failure(&error))
}

/// What an attempt that came to nothing tells the run.
fn failure(error: &InvokeError) -> StageError {
    let retry_after = match error {
        InvokeError::Failure { retry_after, .. } => *retry_after,
        InvokeError::NotLoaded(_) | InvokeError::Stopped { .. } => None,
    };
    StageError { retry_after_ms: retry_after.map(millis), ..StageError::new(error.code(), error.to_string()) }
}

fn succeeded(output: Output) -> Outcome {
    let usage = Usage {
        cpu_ms: millis(output.usage.cpu),
        wall_ms: millis(output.usage.wall),
        memory_bytes: output.usage.peak_memory,
    };
    match serde_json::from_str(&output.json) {
        Ok(outputs) => Outcome::Succeeded { outputs, usage },
        Err(error) => Outcome::Failed(StageError::new("invalid_output", error.to_string())),
    }
}

/// What the project granted the stage's plugin. A grant that cannot be read grants nothing.
fn grants(assignment: &Assignment, call: &CallPlan) -> Arc<Grants> {
    let granted = assignment.revision.grants(&call.plugin);
    let http = granted.into_iter().flat_map(|granted| &granted.http).filter_map(|grant| {
        let scheme = if grant.scheme == "http" { kiket_host::Scheme::Http } else { kiket_host::Scheme::Https };
        let host = grant.host.parse().ok()?;
        Some(HttpGrant { scheme, host, port: grant.port, methods: grant.methods.clone() })
    });
    Arc::new(Grants { http: http.collect() })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
