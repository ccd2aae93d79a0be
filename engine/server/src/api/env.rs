//! `/projects/{project}/env`: the plain values of a project, which expressions read as `env.NAME`.

use axum::response::NoContent;
use kiket_store::EnvValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::{Authorized, may};
use super::extract::{Json, Page, Path, Time};
use super::routes::{Routes, delete, get, put};
use super::{Problem, projects};
use crate::env::{self, VALUE_BYTES};

pub(super) fn operations() -> Routes {
    let one = "/projects/{project}/env/{name}";
    Routes::new()
        .add(get("/projects/{project}/env", "listValues", "List the plain values of a project"), list)
        .add(get(one, "getValue", "Show a plain value"), show)
        .add(put(one, "setValue", "Set a plain value"), set)
        .add(delete(one, "removeValue", "Remove a plain value"), remove)
}

/// A plain value.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Value")]
struct View {
    name: String,
    value: String,
    /// When it was set last.
    updated_at: Time,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "NewValue")]
#[serde(deny_unknown_fields)]
struct Body {
    /// The value, at most 16 KiB.
    #[schemars(length(max = 16384))]
    value: String,
}

async fn set(
    api: Authorized<may::Projects>,
    Path((project, name)): Path<(String, String)>,
    Json(Body { value }): Json<Body>,
) -> Result<NoContent, Problem> {
    let project = projects::find(&api, &project).await?;
    if !env::is_name(&name) {
        let detail = "a value's name has at most 64 of A-Z, a-z, 0-9 and _, and does not begin with a digit";
        return Err(Problem::invalid("invalid_name", detail));
    }
    if value.len() > VALUE_BYTES {
        return Err(Problem::invalid("invalid_value", format!("a value has at most {VALUE_BYTES} bytes")));
    }
    let note = api.note("env.set", &*name, Some(project.id));
    env::change(&api.store, project.id, &name, Some(value), &api.bearer.name, Some(note)).await?;
    Ok(NoContent)
}

async fn list(api: Authorized<may::Read>, Path(project): Path<String>) -> Result<Json<Page<View>>, Problem> {
    let project = projects::find(&api, &project).await?;
    let values = api.store.env_values(project.id).await?;
    Ok(Json(Page::whole(values.iter().map(describe).collect())))
}

async fn show(
    api: Authorized<may::Read>,
    Path((project, name)): Path<(String, String)>,
) -> Result<Json<View>, Problem> {
    let project = projects::find(&api, &project).await?;
    let values = api.store.env_values(project.id).await?;
    let value = values.iter().find(|value| value.name == name);
    value.map(|value| Json(describe(value))).ok_or_else(|| Problem::not_found("value", &name))
}

async fn remove(
    api: Authorized<may::Projects>,
    Path((project, name)): Path<(String, String)>,
) -> Result<NoContent, Problem> {
    let project = projects::find(&api, &project).await?;
    let note = api.note("env.remove", &*name, Some(project.id));
    env::change(&api.store, project.id, &name, None, &api.bearer.name, Some(note)).await?;
    Ok(NoContent)
}

fn describe(value: &EnvValue) -> View {
    View { name: value.name.clone(), value: env::text(value), updated_at: Time(value.updated_at) }
}
