//! `/projects/{project}/secrets`: setting, listing and removing. No call returns a value, whoever asks.

use axum::http::StatusCode;
use axum::response::NoContent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::{Authorized, may};
use super::body::Object;
use super::extract::{Json, Page, Path, Raw, Time};
use super::routes::{Routes, delete, get, put};
use super::{Problem, projects};
use crate::secrets::{VALUE_BYTES, is_name};
use crate::vault::Secret;

pub(super) fn operations() -> Routes {
    let one = "/projects/{project}/secrets/{name}";
    Routes::new()
        .add(get("/projects/{project}/secrets", "listSecrets", "List the names of a project's secrets"), list)
        .add(put(one, "setSecret", "Set a secret"), set)
        .add(delete(one, "removeSecret", "Remove a secret"), remove)
}

/// A secret, without its value.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Secret")]
struct View {
    name: String,
    /// When it was set first.
    created_at: Time,
    /// When it was set last.
    updated_at: Time,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "NewSecret")]
#[serde(deny_unknown_fields)]
struct Body {
    /// The value, 1 byte to 64 KiB.
    #[schemars(with = "String", length(min = 1, max = 65536))]
    value: Secret,
}

async fn set(
    api: Authorized<may::Secrets>,
    Path((project, name)): Path<(String, String)>,
    body: Raw<Body>,
) -> Result<NoContent, Problem> {
    let project = projects::find(&api, &project).await?;
    if !is_name(&name) {
        let detail = "a secret's name has at most 64 of A-Z, 0-9 and _, and begins with a letter";
        return Err(Problem::invalid("invalid_name", detail));
    }
    // What a parser says of a body may quote it, and with it the value.
    let Ok(Object(Body { value })) = serde_json::from_slice(&body.bytes) else {
        let detail = "the body is a JSON object with one member, the text `value`";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_body", detail));
    };
    if !(1..=VALUE_BYTES).contains(&value.reveal().len()) {
        return Err(Problem::invalid("invalid_value", format!("a secret has 1 to {VALUE_BYTES} bytes")));
    }
    let note = api.note("secret.set", &*name, Some(project.id));
    api.secrets.set(project.id, &name, value, &api.bearer.name, Some(note)).await?;
    Ok(NoContent)
}

async fn list(api: Authorized<may::Read>, Path(project): Path<String>) -> Result<Json<Page<View>>, Problem> {
    let project = projects::find(&api, &project).await?;
    let secrets = api.store.secrets(project.id).await?.into_iter().map(|secret| View {
        name: secret.name,
        created_at: Time(secret.created_at),
        updated_at: Time(secret.updated_at),
    });
    Ok(Json(Page::whole(secrets.collect())))
}

async fn remove(
    api: Authorized<may::Secrets>,
    Path((project, name)): Path<(String, String)>,
) -> Result<NoContent, Problem> {
    let project = projects::find(&api, &project).await?;
    let note = api.note("secret.remove", &*name, Some(project.id));
    api.secrets.remove(project.id, &name, &api.bearer.name, Some(note)).await?;
    Ok(NoContent)
}
