//! Runs: starting, listing, showing, cancelling, and the logs of their stages.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kiket_core::run::{Command, Queued, Run, StageError, StageState, Trigger};
use kiket_core::{RevisionId, RunId};
use kiket_store::{Entry, Filter, Position, RunFilter, RunRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as JsonValue, json};

use super::auth::{Access, Authorized, may};
use super::contract::Contract;
use super::extract::{Accepted, Json, Limit, Maybe, Page, Path, Query, Time};
use super::routes::{Routes, get, post};
use super::{Problem, projects};
use crate::dispatch::{DispatchError, NewRun};
use crate::{clock, env};

pub(super) fn operations() -> Routes {
    let start_one = post("/projects/{project}/pipelines/{pipeline}/runs", "startRun", "Start a run of a pipeline");
    let key = |contract: &mut Contract<'_>| {
        let about = "The same key starts one run, however often it is sent.";
        let schema = json!({ "type": "string", "pattern": "^[!-~]{1,200}$", "description": about });
        contract.header("Idempotency-Key", schema);
    };
    let text = get("/runs/{run}/stages/{stage}/log", "getLog", "Read what a stage has said")
        .with(|contract| contract.sends(200, "text/plain", json!({ "type": "string" })));
    Routes::new()
        .add(start_one.with(key).fails(&[409]), start)
        .add(get("/runs", "listRuns", "List runs, the latest first").fails(&[404]), list)
        .add(get("/runs/{run}", "getRun", "Show a run"), show)
        .add(post("/runs/{run}/cancel", "cancelRun", "Cancel a run").fails(&[409]), cancel)
        .add(text, log)
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
    started_at: Option<Time>,
    finished_at: Option<Time>,
}

/// A run that was started, or told something.
#[derive(Serialize, JsonSchema)]
struct Told {
    id: RunId,
    status: String,
    /// Where its events are.
    #[serde(skip_serializing_if = "Option::is_none")]
    events_url: Option<String>,
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
    status: Option<String>,
    /// Of this pipeline.
    pipeline: Option<String>,
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
) -> Result<Accepted<Told>, Problem> {
    let project = projects::find(&api, &project).await?;
    let no_revision = || Problem::new(StatusCode::CONFLICT, "no_revision", "the project has no active revision yet");
    let id = project.active_revision.ok_or_else(no_revision)?;
    let revision = api.revisions.get(id).await.map_err(DispatchError::from)?;
    let plan = revision.pipeline(&pipeline).ok_or_else(|| Problem::not_found("pipeline", &pipeline))?;
    let inputs = plan.check_inputs(body.inputs).map_err(Problem::invalid_inputs)?;
    let (row, env) = tokio::join!(api.store.revision(id), env::values(&api.store, project.id));
    let (row, env) = (row?, env?);
    let run = RunId::new(clock::ulid());
    let queued = Queued {
        id: run,
        project: project.name.clone(),
        pipeline: plan.pipeline.clone(),
        revision: id,
        commit: row.as_ref().map(|row| row.commit.clone()),
        reference: row.and_then(|row| row.reference),
        trigger: Trigger::Api,
        actor: "api".to_owned(),
        inputs,
        item: None,
        env,
        stages: plan.stages().map(|stage| stage.id.as_str().into()).collect(),
    };
    let key = idempotency_key(&headers)?;
    let trigger_key = key.map(|key| format!("api:{pipeline}:{key}"));
    match api.dispatch.start(NewRun { project: project.id, revision: id, queued, trigger_key }).await {
        Ok(run) => Ok(accepted(run, "queued")),
        Err(DispatchError::Duplicate(run)) => {
            let row = api.store.run(run).await?;
            let status = row.map_or_else(String::new, |row| row.status);
            Ok(accepted(run, &status))
        }
        Err(error) => Err(error.into()),
    }
}

fn accepted(run: RunId, status: &str) -> Accepted<Told> {
    let events_url = Some(format!("/api/v1/runs/{run}/events"));
    Accepted::new(Told { id: run, status: status.to_owned(), events_url })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    match key.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= 200 => Ok(Some(key.to_owned())),
        _ => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_header",
            "an Idempotency-Key has 1 to 200 ASCII characters",
        )),
    }
}

async fn list(api: Authorized<may::Read>, Query(query): Query<ListQuery>) -> Result<Json<Page<View, RunId>>, Problem> {
    let project = match &query.project {
        Some(name) => Some(projects::find(&api, name).await?.id),
        None => api.only_project(),
    };
    let before = query.cursor.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| Problem::cursor())?;
    let limit = query.limit.get();
    let filter = RunFilter { project, status: query.status, pipeline: query.pipeline, before };
    let rows = api.store.runs(&filter, limit).await?;
    let next = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.id);
    let data = rows.iter().map(describe).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(Page { data, next_cursor: next }))
}

async fn show(api: Authorized<may::Read>, Path(run): Path<String>) -> Result<Json<View>, Problem> {
    Ok(Json(describe(&find(&api, &run).await?)?))
}

async fn cancel(api: Authorized<may::Runs>, Path(run): Path<String>) -> Result<Accepted<Told>, Problem> {
    let row = find(&api, &run).await?;
    let note = api.note("run.cancel", run, Some(row.project));
    api.dispatch.tell_beside(row.id, Command::Cancel, note).await?;
    let state = api.dispatch.load(row.id).await?;
    Ok(Accepted::new(Told { id: row.id, status: state.status.word().to_owned(), events_url: None }))
}

async fn log(api: Authorized<may::Read>, Path((run, stage)): Path<(String, String)>) -> Result<Response, Problem> {
    let row = find(&api, &run).await?;
    let state = parse(&row)?;
    if state.stage(&stage).is_none() {
        return Err(Problem::not_found("stage", &stage));
    }
    let filter =
        Filter { run: Some(row.id), kinds: vec!["stage.log".to_owned()], stage: Some(stage), ..Filter::default() };
    let mut text = String::new();
    let mut after = Position::ZERO;
    loop {
        let entries = api.store.tail(after, &filter, 32).await?;
        let Some(last) = entries.last() else { break };
        after = last.position;
        entries.iter().for_each(|entry| append_lines(&mut text, entry));
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((kind, text).into_response())
}

/// Plain text goes to terminals as it is: a character that would command one is replaced. The events have it all.
fn append_lines(text: &mut String, entry: &Entry) {
    let data: JsonValue = serde_json::from_str(&entry.data).unwrap_or_default();
    for line in data["lines"].as_array().into_iter().flatten() {
        let line = line["text"].as_str().unwrap_or_default();
        text.extend(line.chars().map(|char| if char.is_control() && char != '\t' { '\u{fffd}' } else { char }));
        text.push('\n');
    }
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
        started_at: stage.started_at.map(Time),
        finished_at: stage.finished_at.map(Time),
    }
}
