//! `/projects/{project}/env`: the plain values of a project, which expressions read as `env.NAME`.

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use kiket_store::EnvValue;
use serde::Deserialize;
use serde_json::{Value as JsonValue, json};

use super::auth::Admin;
use super::{Api, Problem, projects};
use crate::env::{self, VALUE_BYTES};

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/projects/{project}/env", get(list))
        .route("/projects/{project}/env/{name}", get(show).put(set).delete(remove))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    value: String,
}

async fn set(
    State(api): State<Api>,
    admin: Admin,
    Path((project, name)): Path<(String, String)>,
    body: Result<Json<Body>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(Body { value }) = body?;
    let project = projects::find(&api, &project).await?;
    if !env::is_name(&name) {
        let detail = "a value's name has at most 64 of A-Z, a-z, 0-9 and _, and does not begin with a digit";
        return Err(Problem::invalid("invalid_name", detail));
    }
    if value.len() > VALUE_BYTES {
        return Err(Problem::invalid("invalid_value", format!("a value has at most {VALUE_BYTES} bytes")));
    }
    env::change(&api.store, project.id, &name, Some(value), &admin.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list(State(api): State<Api>, _: Admin, Path(project): Path<String>) -> Result<Json<JsonValue>, Problem> {
    let project = projects::find(&api, &project).await?;
    let values = api.store.env_values(project.id).await?;
    let data: Vec<JsonValue> = values.iter().map(describe).collect();
    Ok(Json(json!({ "data": data, "next_cursor": null })))
}

async fn show(
    State(api): State<Api>,
    _: Admin,
    Path((project, name)): Path<(String, String)>,
) -> Result<Json<JsonValue>, Problem> {
    let project = projects::find(&api, &project).await?;
    let values = api.store.env_values(project.id).await?;
    let value = values.iter().find(|value| value.name == name);
    value.map(|value| Json(describe(value))).ok_or_else(|| Problem::not_found("value", &name))
}

async fn remove(
    State(api): State<Api>,
    admin: Admin,
    Path((project, name)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let project = projects::find(&api, &project).await?;
    env::change(&api.store, project.id, &name, None, &admin.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn describe(value: &EnvValue) -> JsonValue {
    json!({ "name": value.name, "value": env::text(value), "updated_at": value.updated_at.to_string() })
}
