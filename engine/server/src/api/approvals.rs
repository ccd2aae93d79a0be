//! `POST /runs/{run}/stages/{stage}/approve|reject|resolve`: what people say to a stage that waits for them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use kiket_core::RunId;
use kiket_core::run::{Actor, Command, Resolution};
use serde::Deserialize;
use serde_json::{Map, Value as JsonValue};

use super::auth::Admin;
use super::{Api, Problem, body, runs};

/// Longest comment, in bytes.
const COMMENT_BYTES: usize = 16 * 1024;

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/runs/{run}/stages/{stage}/approve", post(approve))
        .route("/runs/{run}/stages/{stage}/reject", post(reject))
        .route("/runs/{run}/stages/{stage}/resolve", post(resolve))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Verdict {
    #[serde(default)]
    comment: Option<String>,
}

/// What became of an effect in doubt.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Word {
    #[serde(default)]
    resolution: Option<Became>,
    /// The action's output, where it happened.
    #[serde(default)]
    outputs: Map<String, JsonValue>,
    #[serde(default)]
    comment: Option<String>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Became {
    Happened,
    Retry,
}

async fn approve(
    State(api): State<Api>,
    admin: Admin,
    Path((run, stage)): Path<(String, String)>,
    given: Bytes,
) -> Result<(StatusCode, Json<JsonValue>), Problem> {
    decide(&api, &admin, &run, &stage, &given, |stage, actor, comment| Command::Approve { stage, actor, comment }).await
}

async fn reject(
    State(api): State<Api>,
    admin: Admin,
    Path((run, stage)): Path<(String, String)>,
    given: Bytes,
) -> Result<(StatusCode, Json<JsonValue>), Problem> {
    decide(&api, &admin, &run, &stage, &given, |stage, actor, comment| Command::Reject { stage, actor, comment }).await
}

async fn resolve(
    State(api): State<Api>,
    admin: Admin,
    Path((run, stage)): Path<(String, String)>,
    given: Bytes,
) -> Result<(StatusCode, Json<JsonValue>), Problem> {
    let Word { resolution, outputs, comment } = body::read(&given)?;
    check_comment(comment.as_deref())?;
    let Some(resolution) = resolution else {
        let detail = "say what became of it: `resolution` is `happened` or `retry`";
        return Err(Problem::invalid("invalid_resolution", detail));
    };
    if resolution == Became::Retry && !outputs.is_empty() {
        let detail = "`outputs` belong to what happened: with `retry` the action makes its own";
        return Err(Problem::invalid("invalid_resolution", detail));
    }
    let resolution = match resolution {
        Became::Happened => Resolution::Happened { outputs: JsonValue::Object(outputs) },
        Became::Retry => Resolution::Retry,
    };
    let run = find(&api, &run, &stage).await?;
    api.dispatch.resolve(run, &stage, Actor::admin(&admin.name), resolution, comment).await?;
    answer(&api, run, &stage).await
}

async fn decide(
    api: &Api,
    admin: &Admin,
    run: &str,
    stage: &str,
    given: &Bytes,
    command: impl FnOnce(Arc<str>, Actor, Option<String>) -> Command,
) -> Result<(StatusCode, Json<JsonValue>), Problem> {
    let Verdict { comment } = body::read(given)?;
    check_comment(comment.as_deref())?;
    let run = find(api, run, stage).await?;
    api.dispatch.tell(run, command(stage.into(), Actor::admin(&admin.name), comment)).await?;
    answer(api, run, stage).await
}

fn check_comment(comment: Option<&str>) -> Result<(), Problem> {
    match comment {
        Some(comment) if comment.len() > COMMENT_BYTES => {
            Err(Problem::invalid("invalid_comment", format!("a comment has at most {COMMENT_BYTES} bytes")))
        }
        _ => Ok(()),
    }
}

/// Finds the run, and sees that it has the stage.
async fn find(api: &Api, run: &str, stage: &str) -> Result<RunId, Problem> {
    let row = runs::find(api, run).await?;
    match runs::parse(&row)?.stage(stage) {
        Some(_) => Ok(row.id),
        None => Err(Problem::not_found("stage", stage)),
    }
}

async fn answer(api: &Api, run: RunId, stage: &str) -> Result<(StatusCode, Json<JsonValue>), Problem> {
    let state = api.dispatch.load(run).await?;
    let stage = state.stage(stage).ok_or_else(|| Problem::not_found("stage", stage))?;
    Ok((StatusCode::OK, Json(runs::describe_stage(stage))))
}
