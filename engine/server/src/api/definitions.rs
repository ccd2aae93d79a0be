//! `GET /projects/{project}/definitions`: what is in force, where each of it comes from, and its compiled graph.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use kiket_core::definition::Kind;
use kiket_core::graph::Graph;
use kiket_core::revision::{Provenance, Revision};
use serde_json::{Value as JsonValue, json};

use super::auth::Admin;
use super::{Api, Problem, projects};
use crate::dispatch::DispatchError;

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/projects/{project}/definitions", get(list))
        .route("/projects/{project}/definitions/{kind}/{id}", get(show))
}

async fn list(State(api): State<Api>, _: Admin, Path(project): Path<String>) -> Result<Json<JsonValue>, Problem> {
    let revision = active(&api, &project).await?;
    let data: Vec<JsonValue> = revision.iter().flat_map(|revision| revision.provenance()).map(describe).collect();
    Ok(Json(json!({ "data": data, "next_cursor": null })))
}

async fn show(
    State(api): State<Api>,
    _: Admin,
    Path((project, kind, id)): Path<(String, String, String)>,
) -> Result<Json<JsonValue>, Problem> {
    let revision = active(&api, &project).await?;
    let unknown = || Problem::not_found("definition", &format!("{kind}/{id}"));
    let revision = revision.ok_or_else(unknown)?;
    let found = revision.provenance().iter().find(|found| found.kind.word() == kind && found.id == id);
    let found = found.ok_or_else(unknown)?;
    let mut described = describe(found);
    if let Some(graph) = graph(&revision, found) {
        described["graph"] = json!({
            "nodes": graph.nodes.iter().map(|node| json!({ "id": node.id, "label": node.label })).collect::<Vec<_>>(),
            "edges": graph.edges.iter().map(|edge| json!({ "from": edge.from, "to": edge.to, "label": edge.label })).collect::<Vec<_>>(),
            "mermaid": graph.to_mermaid(),
        });
    }
    Ok(Json(described))
}

/// The active definitions of a project; none before the first.
async fn active(api: &Api, project: &str) -> Result<Option<std::sync::Arc<Revision>>, Problem> {
    let project = projects::find(api, project).await?;
    match project.active_revision {
        Some(id) => Ok(Some(api.revisions.get(id).await.map_err(DispatchError::from)?)),
        None => Ok(None),
    }
}

fn graph(revision: &Revision, found: &Provenance) -> Option<Graph> {
    match found.kind {
        Kind::Pipeline => revision.pipeline(&found.id).map(|plan| Graph::of_plan(plan)),
        Kind::Workflow => revision.machine(&found.id).map(|machine| Graph::of_machine(machine)),
        _ => None,
    }
}

fn describe(found: &Provenance) -> JsonValue {
    json!({
        "kind": found.kind.word(),
        "id": found.id,
        "path": found.path,
        "line": found.line,
        "level": found.origin.level,
        "repository": found.origin.repository,
        "branch": found.origin.branch,
        "commit": found.origin.commit,
        "replaces": found.replaces,
    })
}
