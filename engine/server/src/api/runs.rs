//! Runs: starting, listing, showing and cancelling.

use axum::http::{HeaderMap, StatusCode};
use kiket_core::run::{Command, Queued, Run, RunStatus, StageError, StageState, Trigger};
use kiket_core::{RevisionId, RunId, Timestamp};
use kiket_store::{RunFilter, RunRow, StartingPoint};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as JsonValue};

use super::auth::{Access, Authorized, may};
use super::etag::{self, Tagged};
use super::extract::{Accepted, Json, Limit, Maybe, Page, Path, Query, Time};
use super::idempotency::{Key, Started, accepted, again, takes_key};
use super::routes::{Routes, get, post};
use super::{Problem, page, projects};
use crate::dispatch::{DispatchError, NewRun, Start};
use crate::{clock, env};

pub(super) fn operations() -> Routes {
    let start_one = post("/projects/{project}/pipelines/{pipeline}/runs", "startRun", "Start a run of a pipeline");
    Routes::new()
        .add(start_one.with(takes_key).fails(&[409]), start)
        .add(get("/runs", "listRuns", "List runs, the latest first").fails(&[404]), list)
        .add(get("/runs/{run}", "getRun", "Show a run"), show)
        .add(post("/runs/{run}/cancel", "cancelRun", "Cancel a run").fails(&[409]), cancel)
}

/// A run.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Run")]
struct View {
    id: RunId,
    /// The name of its project.
    project: Option<String>,
    pipeline: String,
    /// Where it stands: `queued`, `running`, `waiting`, `compensating`, `needs_attention`, `succeeded`, `failed`,
    /// `cancelled`.
    status: String,
    /// The commit it runs on.
    commit: Option<String>,
    /// The Git reference it runs on.
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// The revision it keeps to its end.
    revision: RevisionId,
    /// The run that it repeats or goes on from.
    resumed_from: Option<RunId>,
    /// What started it.
    trigger: JsonValue,
    /// What it was started with.
    inputs: Option<Map<String, JsonValue>>,
    created_at: Time,
    started_at: Option<Time>,
    finished_at: Option<Time>,
    stages: Vec<StageView>,
    /// What it gave, once it succeeded.
    outputs: Option<Map<String, JsonValue>>,
    /// Why the run as a whole failed, where no stage did.
    error: Option<StageError>,
    /// Whether everything that could be undone was undone after a failure.
    compensated: bool,
}

/// A stage of a run.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Stage")]
pub(super) struct StageView {
    #[serde(flatten)]
    state: StageState,
    id: String,
    /// How many attempts have started.
    attempt: u32,
    /// The run that has done it, where this one keeps its result.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_from: Option<RunId>,
    started_at: Option<Time>,
    finished_at: Option<Time>,
}

/// A run that was started, or told something.
#[derive(Serialize, JsonSchema)]
struct Told {
    id: RunId,
    status: String,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewRun")]
struct StartBody {
    /// What the pipeline asks for.
    #[serde(default)]
    inputs: Map<String, JsonValue>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Of this project.
    project: Option<String>,
    /// With this status.
    #[schemars(with = "Option<RunStatus>")]
    status: Option<String>,
    /// Of this pipeline.
    pipeline: Option<String>,
    /// The full ref: `refs/heads/main`.
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// Queued at this time or later (RFC 3339).
    #[schemars(with = "Option<Timestamp>")]
    since: Option<String>,
    /// Queued before this time (RFC 3339).
    #[schemars(with = "Option<Timestamp>")]
    until: Option<String>,
    /// `next_cursor` of the page before.
    #[schemars(with = "Option<RunId>")]
    cursor: Option<String>,
    /// How many to return.
    #[serde(default)]
    limit: Limit,
}

async fn start(
    api: Authorized<may::Runs>,
    Path((project, pipeline)): Path<(String, String)>,
    headers: HeaderMap,
    Maybe(body): Maybe<StartBody>,
) -> Result<Started, Problem> {
    let asked = JsonValue::Object(body.inputs.clone());
    let found = api.store.starting_point(&project).await?.filter(|found| api.sees(found.project.id));
    let StartingPoint { project, commit, reference, env } =
        found.ok_or_else(|| Problem::not_found("project", &project))?;
    let no_revision = || Problem::new(StatusCode::CONFLICT, "no_revision", "the project has no active revision yet");
    let id = project.active_revision.ok_or_else(no_revision)?;
    let revision = api.revisions.get(id).await.map_err(DispatchError::from)?;
    let plan = revision.pipeline(&pipeline).ok_or_else(|| Problem::not_found("pipeline", &pipeline))?;
    let inputs = plan.check_inputs(body.inputs).map_err(Problem::invalid_inputs)?;
    let run = RunId::new(clock::ulid());
    let queued = Queued {
        id: run,
        project: project.name.clone(),
        pipeline: plan.pipeline.clone(),
        revision: id,
        commit,
        reference,
        trigger: Trigger::Api,
        actor: "api".to_owned(),
        inputs,
        item: None,
        stranger: false,
        env: env::by_name(env),
        stages: plan.stages().map(|stage| stage.id.as_str().into()).collect(),
        resumed_from: None,
    };
    let what = format!("start:{pipeline}");
    let key = Key::read(&headers, &api, &what, &asked)?;
    let (trigger_key, request) = key.map(|key| (key.trigger, key.request)).unzip();
    let new = NewRun { project: project.id, revision: id, queued, trigger_key };
    match api.dispatch.start(Start { new, request: request.clone(), before: None }).await {
        Ok(begun) => Ok(accepted(run, &begun)),
        Err(DispatchError::Duplicate(run)) => again(&api, run, request.as_deref()).await,
        Err(error) => Err(error.into()),
    }
}

async fn list(api: Authorized<may::Read>, Query(query): Query<ListQuery>) -> Result<Json<Page<View, RunId>>, Problem> {
    let project = match &query.project {
        Some(name) => Some(projects::find(&api, name).await?.id),
        None => api.only_project(),
    };
    let (before, limit) = (page::cursor(query.cursor.as_deref())?, query.limit.get());
    let filter = RunFilter {
        project,
        status: query.status.map(status).transpose()?,
        pipeline: query.pipeline,
        reference: query.reference,
        since: query.since.as_deref().map(time).transpose()?,
        until: query.until.as_deref().map(time).transpose()?,
        before,
    };
    let rows = api.store.runs(&filter, limit).await?;
    let next = page::next(&rows, limit, |row| row.id);
    let data = rows.iter().map(describe).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(Page { data, next_cursor: next }))
}

/// Reads a status that runs are asked for by.
fn status(text: String) -> Result<String, Problem> {
    match serde_json::from_value::<RunStatus>(text.into()) {
        Ok(status) => Ok(status.word().to_owned()),
        Err(error) => Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_query", format!("`status`: {error}"))),
    }
}

fn time(text: &str) -> Result<Timestamp, Problem> {
    Timestamp::parse(text).ok_or_else(|| {
        let detail = "`since` and `until` are times as RFC 3339 has them: 2026-01-02T15:04:05Z";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail)
    })
}

async fn show(
    api: Authorized<may::Read>,
    Path(run): Path<String>,
    headers: HeaderMap,
) -> Result<Tagged<View>, Problem> {
    etag::tagged(&headers, &describe(&find(&api, &run).await?)?)
}

async fn cancel(api: Authorized<may::Runs>, Path(run): Path<String>) -> Result<Accepted<Told>, Problem> {
    let row = find(&api, &run).await?;
    let note = api.note("run.cancel", run, Some(row.project));
    api.dispatch.tell_beside(row.id, Command::Cancel, note).await?;
    let state = api.dispatch.load(row.id).await?;
    Ok(Accepted::new(Told { id: row.id, status: state.status.word().to_owned() }))
}

/// Finds a run, if the token sees it.
pub(super) async fn find(api: &Access, run: &str) -> Result<RunRow, Problem> {
    let id: RunId = run.parse().map_err(|_| Problem::not_found("run", run))?;
    let found = api.store.run(id).await?.filter(|row| api.sees(row.project));
    found.ok_or_else(|| Problem::not_found("run", run))
}

pub(super) fn parse(row: &RunRow) -> Result<Run, Problem> {
    serde_json::from_str(&row.state).map_err(|error| {
        tracing::error!(run.id = %row.id, %error, "the stored state of a run cannot be read");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the stored state of the run cannot be read")
    })
}

fn describe(row: &RunRow) -> Result<View, Problem> {
    let run = parse(row)?;
    let (project, inputs) = run.queued.as_ref().map(|queued| (queued.project.clone(), queued.inputs.clone())).unzip();
    Ok(View {
        id: row.id,
        project,
        pipeline: row.pipeline.clone(),
        status: row.status.clone(),
        commit: row.commit.clone(),
        reference: row.reference.clone(),
        revision: row.revision,
        resumed_from: run.queued.as_ref().and_then(|queued| queued.resumed_from),
        trigger: serde_json::from_str(&row.trigger).unwrap_or_default(),
        inputs,
        created_at: Time(row.created_at),
        started_at: row.started_at.map(Time),
        finished_at: row.finished_at.map(Time),
        stages: run.stages.iter().map(describe_stage).collect(),
        outputs: run.outputs.as_deref().cloned(),
        error: run.error,
        compensated: run.compensated,
    })
}

pub(super) fn describe_stage(stage: &kiket_core::run::Stage) -> StageView {
    StageView {
        state: stage.state.clone(),
        id: stage.id.to_string(),
        attempt: stage.attempt,
        kept_from: stage.kept_from,
        started_at: stage.started_at.map(Time),
        finished_at: stage.finished_at.map(Time),
    }
}
