//! Runs: starting, listing, showing, cancelling, and the logs of their stages.

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use kiket_core::run::{Command, Queued, Run, Trigger};
use kiket_core::{RunId, Timestamp};
use kiket_store::{Entry, Filter, Position, RunFilter, RunRow};
use serde::Deserialize;
use serde_json::{Map, Value as JsonValue, json};

use super::auth::Admin;
use super::{Api, Problem, body, projects};
use crate::dispatch::{DispatchError, NewRun};
use crate::{clock, env};

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/projects/{project}/pipelines/{pipeline}/runs", post(start))
        .route("/runs", get(list))
        .route("/runs/{run}", get(show))
        .route("/runs/{run}/cancel", post(cancel))
        .route("/runs/{run}/stages/{stage}/log", get(log))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct StartBody {
    #[serde(default)]
    inputs: Map<String, JsonValue>,
}

#[derive(Deserialize)]
struct ListQuery {
    project: Option<String>,
    status: Option<String>,
    pipeline: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

async fn start(
    State(api): State<Api>,
    _: Admin,
    Path((project, pipeline)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let body: StartBody = body::read(&body)?;
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
        Ok(run) => Ok((StatusCode::ACCEPTED, Json(accepted(run, "queued"))).into_response()),
        Err(DispatchError::Duplicate(run)) => {
            let row = api.store.run(run).await?;
            let status = row.map_or_else(String::new, |row| row.status);
            Ok((StatusCode::ACCEPTED, Json(accepted(run, &status))).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

fn accepted(run: RunId, status: &str) -> JsonValue {
    json!({ "id": run, "status": status, "events_url": format!("/api/v1/runs/{run}/events") })
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

async fn list(
    State(api): State<Api>,
    _: Admin,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<JsonValue>, Problem> {
    let Query(query) = query?;
    let project = match &query.project {
        Some(name) => Some(projects::find(&api, name).await?.id),
        None => None,
    };
    let before = query.cursor.as_deref().map(str::parse).transpose();
    let before = before
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "invalid_cursor", "this cursor is not one of ours"))?;
    let limit = query.limit.unwrap_or(50).clamp(1, 200);
    let filter = RunFilter { project, status: query.status, pipeline: query.pipeline, before };
    let rows = api.store.runs(&filter, limit).await?;
    let next = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.id);
    let data = rows.iter().map(describe).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!({ "data": data, "next_cursor": next })))
}

async fn show(State(api): State<Api>, _: Admin, Path(run): Path<String>) -> Result<Json<JsonValue>, Problem> {
    Ok(Json(describe(&find(&api, &run).await?)?))
}

async fn cancel(
    State(api): State<Api>,
    _: Admin,
    Path(run): Path<String>,
) -> Result<(StatusCode, Json<JsonValue>), Problem> {
    let row = find(&api, &run).await?;
    api.dispatch.tell(row.id, Command::Cancel).await?;
    let state = api.dispatch.load(row.id).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "id": row.id, "status": state.status.word() }))))
}

async fn log(
    State(api): State<Api>,
    _: Admin,
    Path((run, stage)): Path<(String, String)>,
) -> Result<Response, Problem> {
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

pub(super) async fn find(api: &Api, run: &str) -> Result<RunRow, Problem> {
    let id: RunId = run.parse().map_err(|_| Problem::not_found("run", run))?;
    api.store.run(id).await?.ok_or_else(|| Problem::not_found("run", run))
}

pub(super) fn parse(row: &RunRow) -> Result<Run, Problem> {
    serde_json::from_str(&row.state).map_err(|error| {
        tracing::error!(run.id = %row.id, %error, "the stored state of a run cannot be read");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the stored state of the run cannot be read")
    })
}

fn describe(row: &RunRow) -> Result<JsonValue, Problem> {
    let run = parse(row)?;
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let stages: Vec<JsonValue> = run.stages.iter().map(describe_stage).collect();
    Ok(json!({
        "id": row.id,
        "project": run.queued.as_ref().map(|queued| queued.project.clone()),
        "pipeline": row.pipeline,
        "status": row.status,
        "commit": row.commit,
        "ref": row.reference,
        "revision": row.revision,
        "trigger": serde_json::from_str::<JsonValue>(&row.trigger).unwrap_or_default(),
        "inputs": run.queued.as_ref().map(|queued| queued.inputs.clone()),
        "created_at": row.created_at.to_string(),
        "started_at": time(row.started_at),
        "finished_at": time(row.finished_at),
        "stages": stages,
        "outputs": run.outputs,
        "error": run.error,
        "compensated": run.compensated,
    }))
}

pub(super) fn describe_stage(stage: &kiket_core::run::Stage) -> JsonValue {
    let mut described = serde_json::to_value(&stage.state).unwrap_or_default();
    described["id"] = json!(&*stage.id);
    described["attempt"] = json!(stage.attempt);
    described["started_at"] = json!(stage.started_at.map(|time| time.to_string()));
    described["finished_at"] = json!(stage.finished_at.map(|time| time.to_string()));
    described
}
