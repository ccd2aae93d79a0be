//! Artifacts: what a run has left, and the bytes.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use kiket_store::{ArtifactKind, ArtifactRow};
use serde_json::{Value as JsonValue, json};
use tokio_util::io::ReaderStream;

use super::auth::Admin;
use super::{Api, Problem, projects, runs};
use crate::artifacts::ArtifactError;

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/runs/{run}/artifacts", get(of_run))
        .route("/projects/{project}/artifacts/{digest}", get(download).delete(forget))
}

async fn of_run(State(api): State<Api>, _: Admin, Path(run): Path<String>) -> Result<Json<JsonValue>, Problem> {
    let run = runs::find(&api, &run).await?;
    let project = api.store.project(run.project).await?.ok_or_else(|| Problem::not_found("project", ""))?;
    let rows = api.store.artifacts_of_run(run.id).await?;
    let data: Vec<JsonValue> = rows.iter().map(|row| describe(row, &project.name)).collect();
    Ok(Json(json!({ "data": data })))
}

fn describe(row: &ArtifactRow, project: &str) -> JsonValue {
    json!({
        "digest": row.digest,
        "name": row.name,
        "kind": row.kind.as_str(),
        "size": row.size,
        "stage": row.stage,
        "project": project,
        "created_at": row.created_at.to_string(),
    })
}

/// Sends the bytes to be saved, never to be shown: they are whatever a build has made.
async fn download(
    State(api): State<Api>,
    _: Admin,
    Path((project, digest)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let project = projects::find(&api, &project).await?;
    let (row, file) = api.artifacts.open_content(project.id, &digest).await?;
    let (kind, extension) = match row.kind {
        ArtifactKind::File => ("application/octet-stream", ""),
        ArtifactKind::Folder => ("application/x-tar", ".tar"),
    };
    let body = Body::from_stream(ReaderStream::with_capacity(tokio::fs::File::from_std(file), 64 * 1024));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_LENGTH, HeaderValue::from(row.size)),
        (header::CONTENT_DISPOSITION, disposition(&row.name, extension)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    ];
    Ok((headers, body).into_response())
}

async fn forget(
    State(api): State<Api>,
    _: Admin,
    Path((project, digest)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let project = projects::find(&api, &project).await?;
    api.artifacts.forget(project.id, &digest).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the file is called where it is saved (RFC 6266): the last part of the name, of harmless characters.
fn disposition(name: &str, extension: &str) -> HeaderValue {
    let last = name.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
    let plain = |char: char| if char.is_ascii_alphanumeric() || "-_.".contains(char) { char } else { '_' };
    let plain: String = last.chars().map(plain).collect();
    let plain = plain.trim_start_matches('.');
    let plain = if plain.is_empty() { "artifact" } else { plain };
    let value = format!("attachment; filename=\"{plain}{extension}\"");
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

impl From<ArtifactError> for Problem {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::NotFound(message) => Self::new(StatusCode::NOT_FOUND, "not_found", message),
            ArtifactError::Invalid(message) => Self::new(StatusCode::BAD_REQUEST, "invalid_digest", message),
            error => Self::internal(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_harmless_name_of_a_file() {
        for (name, expected) in [
            ("site", "site.tar"),
            ("dist/app.js", "app.js.tar"),
            ("cache/a b\"; x=\"", "a_b___x__.tar"),
            ("..", "artifact.tar"),
            (".bashrc", "bashrc.tar"),
            ("größe", "gr__e.tar"),
            ("/", "artifact.tar"),
        ] {
            assert_eq!(disposition(name, ".tar"), format!("attachment; filename=\"{expected}\""), "{name}");
        }
    }
}
