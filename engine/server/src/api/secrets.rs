//! `/projects/{project}/secrets`: setting, listing and removing. No call returns a value, whoever asks.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value as JsonValue, json};

use super::auth::Admin;
use super::{Api, Problem, projects};
use crate::secrets::{VALUE_BYTES, is_name};
use crate::vault::Secret;

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/projects/{project}/secrets", get(list))
        .route("/projects/{project}/secrets/{name}", put(set).delete(remove))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    value: Secret,
}

async fn set(
    State(api): State<Api>,
    admin: Admin,
    Path((project, name)): Path<(String, String)>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let project = projects::find(&api, &project).await?;
    if !is_name(&name) {
        let detail = "a secret's name has at most 64 of A-Z, 0-9 and _, and begins with a letter";
        return Err(Problem::invalid("invalid_name", detail));
    }
    // What a parser says of a body may quote it, and with it the value.
    let Ok(Body { value }) = serde_json::from_slice(&body?) else {
        let detail = "the body is a JSON object with one member, the text `value`";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_body", detail));
    };
    if !(1..=VALUE_BYTES).contains(&value.reveal().len()) {
        return Err(Problem::invalid("invalid_value", format!("a secret has 1 to {VALUE_BYTES} bytes")));
    }
    api.secrets.set(project.id, &name, value, &admin.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list(State(api): State<Api>, _: Admin, Path(project): Path<String>) -> Result<Json<JsonValue>, Problem> {
    let project = projects::find(&api, &project).await?;
    let secrets = api.store.secrets(project.id).await?;
    let data = secrets.iter().map(|secret| {
        json!({
            "name": secret.name,
            "created_at": secret.created_at.to_string(),
            "updated_at": secret.updated_at.to_string(),
        })
    });
    Ok(Json(json!({ "data": data.collect::<Vec<_>>(), "next_cursor": null })))
}

async fn remove(
    State(api): State<Api>,
    admin: Admin,
    Path((project, name)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let project = projects::find(&api, &project).await?;
    api.secrets.remove(project.id, &name, &admin.name).await?;
    Ok(StatusCode::NO_CONTENT)
}
