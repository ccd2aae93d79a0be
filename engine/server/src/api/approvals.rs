//! `POST /runs/{run}/stages/{stage}/approve|reject|resolve`: what people say to a stage that waits for them.

use std::sync::Arc;

use kiket_core::RunId;
use kiket_core::run::{Actor, Command, Resolution};
use kiket_store::RunRow;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value as JsonValue};

use super::auth::{Access, Authorized, may};
use super::extract::{Json, Maybe, Path};
use super::routes::{Routes, post};
use super::runs::{StageView, describe_stage};
use super::{Problem, runs};

/// Longest comment, in bytes.
const COMMENT_BYTES: usize = 16 * 1024;

pub(super) fn operations() -> Routes {
    Routes::new()
        .add(
            post("/runs/{run}/stages/{stage}/approve", "approveStage", "Agree to what a stage asks").fails(&[409]),
            approve,
        )
        .add(post("/runs/{run}/stages/{stage}/reject", "rejectStage", "Refuse what a stage asks").fails(&[409]), reject)
        .add(
            post("/runs/{run}/stages/{stage}/resolve", "resolveStage", "Say what became of an effect in doubt")
                .fails(&[409]),
            resolve,
        )
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Verdict {
    /// Why.
    #[schemars(length(max = 16384))]
    #[serde(default)]
    comment: Option<String>,
}

/// What became of an effect in doubt.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Resolution", extend("required" = ["resolution"], "not" = {
    "required": ["resolution", "outputs"],
    "properties": { "resolution": { "const": "retry" }, "outputs": { "type": "object", "minProperties": 1 } },
}))]
struct Word {
    /// What it was.
    #[schemars(with = "Became")]
    #[serde(default)]
    resolution: Option<Became>,
    /// The action's output, where it happened.
    #[serde(default)]
    outputs: Map<String, JsonValue>,
    /// Why.
    #[schemars(length(max = 16384))]
    #[serde(default)]
    comment: Option<String>,
}

#[derive(Deserialize, PartialEq, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Became {
    /// The effect is there.
    Happened,
    /// It is not: do it again.
    Retry,
}

async fn approve(
    api: Authorized<may::Approve>,
    Path((run, stage)): Path<(String, String)>,
    Maybe(given): Maybe<Verdict>,
) -> Result<Json<StageView>, Problem> {
    decide(&api, "stage.approve", (&run, &stage), given, |stage, actor, comment| Command::Approve {
        stage,
        actor,
        comment,
    })
    .await
}

async fn reject(
    api: Authorized<may::Approve>,
    Path((run, stage)): Path<(String, String)>,
    Maybe(given): Maybe<Verdict>,
) -> Result<Json<StageView>, Problem> {
    decide(&api, "stage.reject", (&run, &stage), given, |stage, actor, comment| Command::Reject {
        stage,
        actor,
        comment,
    })
    .await
}

async fn resolve(
    api: Authorized<may::Approve>,
    Path((run, stage)): Path<(String, String)>,
    Json(given): Json<Word>,
) -> Result<Json<StageView>, Problem> {
    let Word { resolution, outputs, comment } = given;
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
    let row = find(&api, &run, &stage).await?;
    let note = api.note("stage.resolve", format!("{run}/{stage}"), Some(row.project));
    api.dispatch.resolve(row.id, &stage, api.actor(), resolution, comment, Some(note)).await?;
    answer(&api, row.id, &stage).await
}

async fn decide(
    api: &Access,
    act: &'static str,
    (run, stage): (&str, &str),
    Verdict { comment }: Verdict,
    command: impl FnOnce(Arc<str>, Actor, Option<String>) -> Command,
) -> Result<Json<StageView>, Problem> {
    check_comment(comment.as_deref())?;
    let row = find(api, run, stage).await?;
    let note = api.note(act, format!("{run}/{stage}"), Some(row.project));
    api.dispatch.tell_beside(row.id, command(stage.into(), api.actor(), comment), note).await?;
    answer(api, row.id, stage).await
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
async fn find(api: &Access, run: &str, stage: &str) -> Result<RunRow, Problem> {
    let row = runs::find(api, run).await?;
    match runs::parse(&row)?.stage(stage) {
        Some(_) => Ok(row),
        None => Err(Problem::not_found("stage", stage)),
    }
}

async fn answer(api: &Access, run: RunId, stage: &str) -> Result<Json<StageView>, Problem> {
    let state = api.dispatch.load(run).await?;
    let stage = state.stage(stage).ok_or_else(|| Problem::not_found("stage", stage))?;
    Ok(Json(describe_stage(stage)))
}
