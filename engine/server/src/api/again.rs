//! Ended runs once more: `retry` and `resume` start a new run that keeps what was done, `replay` starts none and folds
//! the recorded events again.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use kiket_core::RunId;
use kiket_core::run::{Event, Queued, Run, Stage, Trigger};
use kiket_store::{Position, RunRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as JsonValue};

use super::auth::{Access, Authorized, may};
use super::extract::{Json, Maybe, Path, Time};
use super::idempotency::{Key, Started, accepted, again, takes_key};
use super::routes::{Routes, post};
use super::{Problem, runs};
use crate::dispatch::{Before, DispatchError, NewRun, Start};
use crate::events::{Tail, of_run};
use crate::{clock, env};

pub(super) fn operations() -> Routes {
    let retry_one = post("/runs/{run}/retry", "retryRun", "Try an ended run again in a new run");
    let resume_one = post("/runs/{run}/resume", "resumeRun", "Go on from where a run has failed, in a new run");
    Routes::new()
        .add(retry_one.with(takes_key).fails(&[409]), retry)
        .add(resume_one.with(takes_key).fails(&[409]), resume)
        .add(post("/runs/{run}/replay", "replayRun", "Fold the events of a run again; starts nothing"), replay)
}

/// How a run is tried again.
#[derive(Deserialize, Serialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RetryBody {
    /// Keep nothing: every stage runs again.
    #[serde(default)]
    from_start: bool,
    /// Run the newest active definitions instead of those of the run, with its inputs; keeps nothing.
    #[serde(default)]
    newest: bool,
}

/// Where a run goes on.
#[derive(Deserialize, Serialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ResumeBody {
    /// The stage (or the matrix) that runs again with everything after it, whatever became of it.
    #[serde(default)]
    from: Option<String>,
}

/// Up to where a run is folded again.
#[derive(Deserialize, Serialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReplayBody {
    /// The `seq` of the last event that counts; all of them without it.
    #[serde(default)]
    #[schemars(range(min = 1))]
    until: Option<i64>,
}

/// A run as it was after one of its events.
#[derive(Serialize, JsonSchema)]
struct Replayed {
    /// The run.
    id: RunId,
    /// The `seq` of the last event that counts.
    seq: i64,
    /// How many events there are.
    events: i64,
    /// When that event happened.
    at: Option<Time>,
    /// Whether all events together lead to the state that is stored.
    same: bool,
    /// Where the run stood.
    status: String,
    /// Where its stages stood.
    stages: Vec<runs::StageView>,
    /// What it gave, where it had succeeded.
    outputs: Option<Map<String, JsonValue>>,
}

async fn retry(
    api: Authorized<may::Runs>,
    Path(run): Path<String>,
    headers: HeaderMap,
    Maybe(wish): Maybe<RetryBody>,
) -> Result<Started, Problem> {
    let row = runs::find(&api, &run).await?;
    let key = Key::read(&headers, &api, &format!("retry:{}", row.id), &as_json(&wish)?)?;
    let old = ended(&row)?;
    if wish.newest {
        let new = on_newest(&api, &row, &old, &api.bearer.name).await?;
        return launch(&api, new, key, None).await;
    }
    let new = repeat(&api, &row, &old, &api.bearer.name).await?;
    let before = (!wish.from_start).then(|| Before { run: Arc::new(old), from: None });
    launch(&api, new, key, before).await
}

async fn resume(
    api: Authorized<may::Runs>,
    Path(run): Path<String>,
    headers: HeaderMap,
    Maybe(wish): Maybe<ResumeBody>,
) -> Result<Started, Problem> {
    let row = runs::find(&api, &run).await?;
    let key = Key::read(&headers, &api, &format!("resume:{}", row.id), &as_json(&wish)?)?;
    let old = ended(&row)?;
    let new = repeat(&api, &row, &old, &api.bearer.name).await?;
    let before = Before { run: Arc::new(old), from: wish.from.map(Arc::from) };
    launch(&api, new, key, Some(before)).await
}

async fn replay(
    api: Authorized<may::Read>,
    Path(run): Path<String>,
    Maybe(ReplayBody { until }): Maybe<ReplayBody>,
) -> Result<Json<Replayed>, Problem> {
    let row = runs::find(&api, &run).await?;
    let last = row.seq.get();
    let until = until.unwrap_or(last);
    if !(1..=last).contains(&until) {
        return Err(Problem::invalid("invalid_seq", format!("`until` is from 1 to {last}, the run's last event")));
    }
    let mut tail = Tail::new(api.store.clone(), of_run(row.id), Position::ZERO);
    let (mut state, mut shown, mut at) = (Run::default(), Run::default(), None);
    // The run may go on meanwhile: what counts is what was there when it was asked for.
    while let Some(entry) = tail.next_now().await? {
        let Some(seq) = entry.seq.filter(|seq| seq.get() <= last) else { continue };
        let event: Event = serde_json::from_str(&entry.data).map_err(|error| Problem::internal(&error))?;
        state.apply(&event, entry.at);
        if seq.get() == until {
            (shown, at) = (state.clone(), Some(entry.at));
        }
    }
    Ok(Json(Replayed {
        id: row.id,
        seq: until,
        events: last,
        at: at.map(Time),
        same: state == runs::parse(&row)?,
        status: shown.status.to_string(),
        stages: shown.stages.iter().map(|stage: &Stage| runs::describe_stage(stage)).collect(),
        outputs: shown.outputs.as_deref().cloned(),
    }))
}

/// Reads a run that has ended, and that nothing waited for.
pub(super) fn ended(row: &RunRow) -> Result<Run, Problem> {
    let state = runs::parse(row)?;
    if !row.terminal {
        return Err(Problem::new(StatusCode::CONFLICT, "run_not_ended", "the run has not ended; cancel it first"));
    }
    if let Some(Trigger::Item { waits: true, item, transition }) = state.queued.as_ref().map(|queued| &queued.trigger) {
        let detail = format!(
            "item {item} waited for this run and has gone on without it; make the transition \"{transition}\" again"
        );
        return Err(Problem::new(StatusCode::CONFLICT, "item_gone_on", detail));
    }
    Ok(state)
}

/// A run of the same definitions on the same commit with the same inputs, and the plain values of today. A stranger's
/// stays one: it gets no values, and waits at its gate again.
pub(super) async fn repeat(api: &Access, row: &RunRow, old: &Run, actor: &str) -> Result<NewRun, Problem> {
    let queued = old.queued.as_deref().ok_or_else(|| Problem::not_found("run", &row.id.to_string()))?;
    let env = if queued.stranger { Map::new() } else { env::values(&api.store, row.project).await? };
    let queued = Queued {
        id: RunId::new(clock::ulid()),
        actor: actor.to_owned(),
        env,
        resumed_from: Some(row.id),
        ..queued.clone()
    };
    Ok(NewRun { project: row.project, revision: row.revision, queued, trigger_key: None })
}

/// A run of the newest definitions of that name with the same inputs, on the commit that they are of; a stranger's
/// stays on the stranger's commit.
async fn on_newest(api: &Access, row: &RunRow, old: &Run, actor: &str) -> Result<NewRun, Problem> {
    let mut new = repeat(api, row, old, actor).await?;
    let project = api.store.project(row.project).await?;
    let active = project.and_then(|project| project.active_revision);
    let id = active.ok_or_else(|| Problem::new(StatusCode::CONFLICT, "no_revision", "the project has no revision"))?;
    let revision = api.revisions.get(id).await.map_err(DispatchError::from)?;
    let plan = revision.plan_of(&new.queued).ok_or_else(|| Problem::not_found("pipeline", &row.pipeline))?;
    let declared = |name: &String| plan.inputs.iter().any(|input| input.name == *name);
    // An input that is no longer declared is of no use to anybody.
    let inputs = new.queued.inputs.clone().into_iter().filter(|(name, _)| declared(name)).collect();
    new.queued.inputs = plan.check_inputs(inputs).map_err(Problem::invalid_inputs)?;
    new.queued.stages = plan.stages().map(|stage| stage.id.as_str().into()).collect();
    if !new.queued.stranger {
        let found = api.store.revision(id).await?;
        new.queued.commit = found.as_ref().map(|row| row.commit.clone());
        new.queued.reference = found.and_then(|row| row.reference);
    }
    (new.revision, new.queued.revision) = (id, id);
    Ok(new)
}

async fn launch(api: &Access, mut new: NewRun, key: Option<Key>, before: Option<Before>) -> Result<Started, Problem> {
    let (trigger_key, request) = key.map(|key| (key.trigger, key.request)).unzip();
    new.trigger_key = trigger_key;
    let id = new.queued.id;
    match api.dispatch.start(Start { new, request: request.clone(), before }).await {
        Ok(run) => Ok(accepted(id, &run)),
        Err(DispatchError::Duplicate(run)) => again(api, run, request.as_deref()).await,
        Err(DispatchError::Revision(error)) => {
            Err(Problem::new(StatusCode::CONFLICT, "definitions_gone", error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// What was asked for, as it was understood.
fn as_json(wish: &impl Serialize) -> Result<JsonValue, Problem> {
    serde_json::to_value(wish).map_err(|error| Problem::internal(&error))
}
