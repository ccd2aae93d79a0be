//! Artifacts: what a run has left, and the bytes.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, NoContent, Response};
use kiket_core::RunId;
use kiket_store::{ArtifactKind, ArtifactRow};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio_util::io::ReaderStream;

use super::auth::{Authorized, may};
use super::extract::{Json, Page, Path, Query, Time};
use super::page::{self, Paging};
use super::routes::{Routes, delete, get};
use super::{Problem, projects, runs};
use crate::artifacts::ArtifactError;

pub(super) fn operations() -> Routes {
    let bytes =
        get("/projects/{project}/artifacts/{digest}", "downloadArtifact", "Download an artifact").with(|contract| {
            for kind in ["application/octet-stream", "application/x-tar"] {
                contract.sends(200, kind, json!({ "type": "string", "format": "binary" }));
            }
        });
    let forgotten = delete("/projects/{project}/artifacts/{digest}", "forgetArtifact", "Forget an artifact");
    Routes::new()
        .add(get("/runs/{run}/artifacts", "listArtifacts", "List what a run has left"), of_run)
        .add(bytes, download)
        .add(forgotten, forget)
}

/// Something that a run has left.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Artifact")]
struct View {
    /// `sha256:` and 64 hex digits.
    digest: String,
    /// What it is called.
    name: String,
    /// `file` or `folder`.
    kind: &'static str,
    /// How many bytes it has.
    size: u64,
    /// The run that left it.
    run: RunId,
    /// The stage that did.
    stage: String,
    /// The project.
    project: String,
    /// When it was kept.
    created_at: Time,
}

async fn of_run(
    api: Authorized<may::Read>,
    Path(run): Path<String>,
    Query(asked): Query<Paging>,
) -> Result<Json<Page<View>>, Problem> {
    let run = runs::find(&api, &run).await?;
    let project = api.store.project(run.project).await?.ok_or_else(|| Problem::not_found("project", ""))?;
    let mut rows = api.store.artifacts_of_run(run.id).await?;
    let name = |row: &ArtifactRow| format!("{}/{}@{}", row.stage, row.name, row.digest);
    rows.sort_by_key(name);
    let (rows, next_cursor) = page::cut(rows, &asked, name);
    Ok(Json(Page { data: rows.into_iter().map(|row| describe(row, &project.name)).collect(), next_cursor }))
}

fn describe(row: ArtifactRow, project: &str) -> View {
    View {
        digest: row.digest,
        name: row.name,
        kind: row.kind.as_str(),
        size: row.size,
        run: row.run,
        stage: row.stage,
        project: project.to_owned(),
        created_at: Time(row.created_at),
    }
}

/// Sends the bytes to be saved, never to be shown: they are whatever a build has made.
async fn download(
    api: Authorized<may::Read>,
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
    api: Authorized<may::Projects>,
    Path((project, digest)): Path<(String, String)>,
) -> Result<NoContent, Problem> {
    let project = projects::find(&api, &project).await?;
    api.artifacts.forget(project.id, &digest).await?;
    Ok(NoContent)
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
