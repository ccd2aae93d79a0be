//! What becomes of an attempt that was cut off with an effect on its way: by the action's class it is done again, the
//! plugin is asked what happened, or a person is.

use std::sync::Arc;

use kiket_core::RunId;
use kiket_core::manifest::Effect;
use kiket_core::plan::CallPlan;
use kiket_core::planted::{Bug, planted};
use kiket_core::run::{Doubt, DoubtCode, Found, Intent, Outcome, StageError, StageState, Usage};
use kiket_host::HostCalls;
use kiket_host::wit::recovery::EffectState;
use kiket_store::{Change, EffectChange, Held, Journal, Seq, StoreError, WriteEffect};

use super::attempt::{At, prepare};
use super::calls::{Calls, Place};
use super::{Driver, Known, Worker};
use crate::dispatch::{DispatchError, Snapshot, journal_of};
use crate::ledger::Ledger;

/// Finds out what is known of a stage whose work was claimed: something only if an attempt was cut off. That is so as
/// long as the run stands at this event.
pub(super) async fn find<W: Worker>(
    worker: &Arc<W>,
    run: RunId,
    stage: &str,
    held: &Held,
) -> Result<(Found, Seq), DispatchError> {
    let snapshot = worker.dispatch().look(run).await?;
    let found = find_in(worker, run, &snapshot, stage, held).await?;
    Ok((found, snapshot.seq))
}

async fn find_in<W: Worker>(
    worker: &Arc<W>,
    run: RunId,
    snapshot: &Snapshot,
    stage: &str,
    held: &Held,
) -> Result<Found, DispatchError> {
    let Some(state) = snapshot.state.stage(stage).filter(|stage| stage.state == StageState::Running) else {
        return Ok(Found::Nothing);
    };
    let Some(plan) = snapshot.plan.position(stage).map(|position| snapshot.plan.stage(position)) else {
        return Ok(Found::Nothing);
    };
    let (Some(made), Some(journal)) = (plan.call(), journal_of(run, state)) else { return Ok(Found::Nothing) };
    if matches!(made.effect, Effect::Pure | Effect::Idempotent) || planted(Bug::OnceRetried) {
        return Ok(Found::Nothing);
    }
    let effects = worker.ledger().effects(&journal).await?;
    let Some(open) = effects.last().filter(|effect| effect.receipt.is_none()) else { return Ok(Found::Nothing) };
    let intent: Intent = serde_json::from_str(&open.intent)
        .map_err(|error| StoreError::Malformed { column: "intent", value: error.to_string() })?;
    let reason = "the server stopped while it was on its way".to_owned();
    let doubt = Doubt { code: DoubtCode::InDoubt, intent, reason };
    if made.effect != Effect::Checkable {
        return Ok(Found::Doubt(doubt));
    }
    Ok(match worker.ask(snapshot, stage, held).await {
        Known::Happened(outputs) => Found::Done(outputs),
        Known::Unknown(reason) => Found::Doubt(Doubt { reason, ..doubt }),
        Known::DidNotHappen => {
            forget(worker.ledger(), journal, doubt.intent.ordinal, held).await?;
            Found::Nothing
        }
    })
}

/// Ends an attempt whose effect is in doubt although the server is well: the connection broke, or time was up.
pub(crate) async fn settle(class: Effect, doubt: Doubt, ask: impl Future<Output = Known>) -> Outcome {
    if class != Effect::Checkable || doubt.code != DoubtCode::InDoubt {
        return Outcome::InDoubt(doubt);
    }
    match ask.await {
        Known::Happened(outputs) => Outcome::Succeeded { outputs, usage: Usage::default() },
        Known::Unknown(reason) => Outcome::InDoubt(Doubt { reason, ..doubt }),
        // It failed, then, and may be tried again like everything that failed.
        Known::DidNotHappen => Outcome::Failed(StageError::new("transient", doubt.reason)),
    }
}

/// Asks the plugin about the attempt that these calls were of.
pub(super) async fn ask_again(driver: &Driver, at: &At<'_>, made: &CallPlan, calls: &Calls) -> Known {
    match calls.looking().await {
        Ok(looking) => ask(driver, at, made, &looking).await,
        Err(error) => Known::Unknown(error.message),
    }
}

/// Asks the plugin about a stage whose attempt was cut off.
pub(super) async fn ask_about(driver: &Arc<Driver>, snapshot: &Snapshot, stage: &str, held: &Held) -> Known {
    let Snapshot { project, plan, revision, state, .. } = snapshot;
    let (Some(position), Some(stands)) = (plan.position(stage), state.stage(stage)) else {
        return Known::Unknown("the run has no such stage".to_owned());
    };
    let (stage, run) = (plan.stage(position), state.queued.as_ref().map(|queued| queued.id));
    let (Some(made), Some(run)) = (stage.call(), run) else {
        return Known::Unknown("the stage makes no call".to_owned());
    };
    let place = Place {
        run,
        project: *project,
        stage: Arc::clone(&stands.id),
        attempt: stands.attempt,
        journal: stands.journal,
        held: held.clone(),
        class: Effect::Pure,
        plugin: made.plugin.clone(),
        queued: state.queued.clone(),
    };
    let at = At { run, state, plan, revision, stage, attempt: stands.attempt };
    match Calls::look(driver, place).await {
        Ok(calls) => ask(driver, &at, made, &calls).await,
        Err(error) => Known::Unknown(error.message),
    }
}

async fn ask(driver: &Driver, at: &At<'_>, made: &CallPlan, calls: &Arc<Calls>) -> Known {
    let (terms, invocation) = match prepare(driver, at, made, calls).await {
        Ok(prepared) => prepared,
        Err(error) => return Known::Unknown(format!("the plugin cannot be asked what happened: {}", error.message)),
    };
    let calls = Arc::clone(calls) as Arc<dyn HostCalls>;
    match driver.plugins.check_effect(terms, invocation, calls).await {
        Ok(EffectState::Happened(output)) => match serde_json::from_str(&output) {
            Ok(outputs) => Known::Happened(outputs),
            Err(error) => Known::Unknown(format!("the plugin's answer is no output: {error}")),
        },
        Ok(EffectState::DidNotHappen) => Known::DidNotHappen,
        Ok(EffectState::Unknown(reason)) => Known::Unknown(reason),
        Err(error) => Known::Unknown(format!("the plugin cannot tell what happened: {error}")),
    }
}

async fn forget(ledger: &impl Ledger, journal: Journal, ordinal: u32, held: &Held) -> Result<(), DispatchError> {
    let change = EffectChange { journal, ordinal, held: Some(held.clone()), write: WriteEffect::Forget };
    match ledger.commit(vec![Change::Effect(change)]).await {
        Ok(_) => Ok(()),
        Err(kiket_store::CommitError::Conflict(_)) => Err(DispatchError::Lost),
        Err(kiket_store::CommitError::Store(error)) => Err(error.into()),
    }
}
