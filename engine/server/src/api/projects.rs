//! Projects, their revisions, and syncing by hand.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use kiket_core::{ProjectId, RevisionId};
use kiket_store::{Change, NewProject, Project, Revision};
use kiket_sync::RemoteUrl;
use serde::Deserialize;
use serde_json::{Value as JsonValue, json};

use super::auth::Admin;
use super::{Api, Problem, body};
use crate::vault::Secret;
use crate::{clock, token};

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/projects", post(create).get(list))
        .route("/projects/{project}", get(show))
        .route("/projects/{project}/sync", post(sync))
        .route("/projects/{project}/revisions", get(revisions))
        .route("/projects/{project}/revisions/{revision}", get(revision))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewBody {
    name: String,
    url: String,
    #[serde(default)]
    branch: Option<String>,
    #[serde(default)]
    hook_secret: Option<String>,
    #[serde(default)]
    overrides: Option<Overrides>,
}

/// A repository whose definitions are laid over the project's own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Overrides {
    url: String,
    #[serde(default)]
    branch: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct SyncBody {
    #[serde(default)]
    branch: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    limit: Option<u32>,
}

async fn create(
    State(api): State<Api>,
    _: Admin,
    body: Result<Json<NewBody>, JsonRejection>,
) -> Result<(StatusCode, Json<JsonValue>), Problem> {
    let Json(body) = body?;
    if !is_name(&body.name) {
        let detail = "a project's name has at most 64 of a-z, 0-9, - and _, and begins with a letter or a digit";
        return Err(Problem::invalid("invalid_name", detail));
    }
    for url in [Some(&body.url), body.overrides.as_ref().map(|overrides| &overrides.url)].into_iter().flatten() {
        if let Err(error) = url.parse::<RemoteUrl>() {
            return Err(Problem::invalid("invalid_url", error.to_string()));
        }
    }
    if body.hook_secret.as_ref().is_some_and(|secret| secret.len() < 16 || secret.len() > 256) {
        return Err(Problem::invalid("invalid_secret", "a webhook secret has 16 to 256 characters"));
    }
    let generated = body.hook_secret.is_none().then(|| token::random_text(40));
    let secret = body.hook_secret.or_else(|| generated.clone()).unwrap_or_default();
    let id = ProjectId::new(clock::ulid());
    let project = NewProject {
        id,
        name: body.name.clone(),
        url: body.url,
        branch: body.branch,
        overrides_url: body.overrides.as_ref().map(|overrides| overrides.url.clone()),
        overrides_branch: body.overrides.and_then(|overrides| overrides.branch),
        hook_secret: api.secrets.seal_hook(id, &Secret::new(secret)),
        created_at: clock::now(),
    };
    api.store.commit(vec![Change::Project(project)]).await?;
    let project = find(&api, &body.name).await?;
    // The first look at the repository; where it fails the project stays, and the answer says why.
    let problem = api.publisher.sync(&project, None, "api").await.err().map(|failure| failure.to_string());
    let project = find(&api, &body.name).await?;
    let mut answer = describe(&api, &project).await?;
    answer["hook_secret"] = json!(generated);
    answer["sync_error"] = json!(problem);
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn list(State(api): State<Api>, _: Admin) -> Result<Json<JsonValue>, Problem> {
    let mut data = Vec::new();
    for project in api.store.projects().await? {
        data.push(describe(&api, &project).await?);
    }
    Ok(Json(json!({ "data": data, "next_cursor": null })))
}

async fn show(State(api): State<Api>, _: Admin, Path(project): Path<String>) -> Result<Json<JsonValue>, Problem> {
    let project = find(&api, &project).await?;
    Ok(Json(describe(&api, &project).await?))
}

async fn sync(
    State(api): State<Api>,
    _: Admin,
    Path(project): Path<String>,
    body: axum::body::Bytes,
) -> Result<Json<JsonValue>, Problem> {
    let body: SyncBody = body::read(&body)?;
    let project = find(&api, &project).await?;
    let synced = api.publisher.sync(&project, body.branch, "api").await?;
    let revision = match synced.revision {
        Some(id) => api.store.revision(id).await?.map(|revision| describe_revision(&revision, true)),
        None => None,
    };
    let runs: Vec<_> = synced.runs.iter().map(|(id, pipeline)| json!({ "id": id, "pipeline": pipeline })).collect();
    Ok(Json(json!({ "revision": revision, "runs": runs })))
}

async fn revisions(
    State(api): State<Api>,
    _: Admin,
    Path(project): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<JsonValue>, Problem> {
    let Query(page) = page?;
    let project = find(&api, &project).await?;
    let rows = api.store.revisions(project.id, page.limit.unwrap_or(50).clamp(1, 200)).await?;
    let data: Vec<_> = rows.iter().map(|revision| describe_revision(revision, false)).collect();
    Ok(Json(json!({ "data": data, "next_cursor": null })))
}

async fn revision(
    State(api): State<Api>,
    _: Admin,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<JsonValue>, Problem> {
    let project = find(&api, &project).await?;
    let parsed: RevisionId = id.parse().map_err(|_| Problem::not_found("revision", &id))?;
    let revision = api.store.revision(parsed).await?.filter(|revision| revision.project == project.id);
    let revision = revision.ok_or_else(|| Problem::not_found("revision", &id))?;
    let mut answer = describe_revision(&revision, true);
    let sources = api.store.sources(parsed).await?;
    answer["sources"] = sources
        .iter()
        .map(|source| json!({ "path": source.path, "bytes": source.text.len(), "origin": source.origin }))
        .collect();
    Ok(Json(answer))
}

pub(super) async fn find(api: &Api, name: &str) -> Result<Project, Problem> {
    api.store.project_by_name(name).await?.ok_or_else(|| Problem::not_found("project", name))
}

async fn describe(api: &Api, project: &Project) -> Result<JsonValue, Problem> {
    let active = match project.active_revision {
        Some(id) => api.store.revision(id).await?,
        None => None,
    };
    Ok(json!({
        "id": project.id,
        "name": project.name,
        "url": project.url,
        "branch": project.branch,
        "overrides": project.overrides_url.as_ref().map(|url| json!({ "url": url, "branch": project.overrides_branch })),
        "hook_url": format!("{}/api/v1/hooks/{}", api.public_url, project.name),
        "active_revision": active.as_ref().map(|revision| describe_revision(revision, false)),
        "created_at": project.created_at.to_string(),
    }))
}

fn describe_revision(revision: &Revision, whole: bool) -> JsonValue {
    let mut described = json!({
        "id": revision.id,
        "status": revision.status.to_string(),
        "commit": revision.commit,
        "ref": revision.reference,
        "created_at": revision.created_at.to_string(),
    });
    if whole {
        described["diagnostics"] = serde_json::from_str(&revision.diagnostics).unwrap_or_default();
        described["plugins"] = serde_json::from_str(&revision.plugins).unwrap_or_default();
    }
    described
}

fn is_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let rest =
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_');
    first && rest && name.len() <= 64
}
