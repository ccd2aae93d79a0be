//! `POST /runs/{run}/stages/{stage}/approve|reject`: what people say to a stage that waits for them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use kiket_core::run::{Actor, Command};
use serde::Deserialize;
use serde_json::Value as JsonValue;

use super::auth::Admin;
use super::{Api, Problem, body, runs};

/// Longest comment, in bytes.
const COMMENT_BYTES: usize = 16 * 1024;

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/runs/{run}/stages/{stage}/approve", post(approve))
        .route("/runs/{run}/stages/{stage}/reject", post(reject))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Verdict {
    #[serde(default)]
    comment: Option<String>,
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

async fn decide(
    api: &Api,
    admin: &Admin,
    run: &str,
    stage: &str,
    given: &Bytes,
    command: impl FnOnce(Arc<str>, Actor, Option<String>) -> Command,
) -> Result<(StatusCode, Json<JsonValue>), Problem> {
    let Verdict { comment } = body::read(given)?;
    if comment.as_ref().is_some_and(|comment| comment.len() > COMMENT_BYTES) {
        return Err(Problem::invalid("invalid_comment", format!("a comment has at most {COMMENT_BYTES} bytes")));
    }
    let row = runs::find(api, run).await?;
    if runs::parse(&row)?.stage(stage).is_none() {
        return Err(Problem::not_found("stage", stage));
    }
    api.dispatch.tell(row.id, command(stage.into(), Actor::admin(&admin.name), comment)).await?;
    let state = api.dispatch.load(row.id).await?;
    let stage = state.stage(stage).ok_or_else(|| Problem::not_found("stage", stage))?;
    Ok((StatusCode::OK, Json(runs::describe_stage(stage))))
}
