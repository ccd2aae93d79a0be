//! `GET /projects/{project}/definitions`: what is in force, where each of it comes from, and its compiled graph.

use axum::http::HeaderMap;
use kiket_core::definition::Kind;
use kiket_core::graph::Graph;
use kiket_core::revision::{Provenance, Revision};
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::{Access, Authorized, may};
use super::etag::{self, Tagged};
use super::extract::{Page, Path, Query};
use super::page::{self, Paging};
use super::routes::{Routes, get};
use super::{Problem, projects};
use crate::dispatch::DispatchError;

pub(super) fn operations() -> Routes {
    let one = get("/projects/{project}/definitions/{kind}/{id}", "getDefinition", "Show a definition and its graph");
    Routes::new()
        .add(get("/projects/{project}/definitions", "listDefinitions", "List the definitions in force"), list)
        .add(one, show)
}

/// A definition in force, and where it comes from.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Definition")]
struct View {
    /// What kind it is.
    kind: &'static str,
    /// Its id; empty for a kind that a project has one of.
    id: String,
    /// Path of its file.
    path: String,
    /// Line of its file, counted from 1.
    line: u32,
    /// The level it is of.
    level: String,
    /// Address of the repository.
    repository: Option<String>,
    /// Branch of the repository.
    branch: Option<String>,
    /// Commit of the repository.
    commit: Option<String>,
    /// The levels of those that it replaces, the strongest first.
    replaces: Vec<String>,
    /// What it compiles to, for a pipeline or a workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<Drawn>,
}

/// A compiled graph.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Graph")]
struct Drawn {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// The same in the language of Mermaid.
    mermaid: String,
}

#[derive(Serialize, JsonSchema)]
struct Node {
    id: String,
    label: String,
}

#[derive(Serialize, JsonSchema)]
struct Edge {
    /// Where it begins: a node's id.
    from: String,
    /// Where it points: a node's id.
    to: String,
    label: Option<String>,
}

async fn list(
    api: Authorized<may::Read>,
    Path(project): Path<String>,
    Query(asked): Query<Paging>,
    headers: HeaderMap,
) -> Result<Tagged<Page<View>>, Problem> {
    let revision = active(&api, &project).await?;
    let mut all: Vec<&Provenance> = revision.iter().flat_map(|revision| revision.provenance()).collect();
    let name = |found: &&Provenance| format!("{}/{}", found.kind.word(), found.id);
    all.sort_by_key(name);
    let (found, next_cursor) = page::cut(all, &asked, name);
    etag::tagged(&headers, &Page { data: found.into_iter().map(describe).collect(), next_cursor })
}

async fn show(
    api: Authorized<may::Read>,
    Path((project, kind, id)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Tagged<View>, Problem> {
    let revision = active(&api, &project).await?;
    let unknown = || Problem::not_found("definition", &format!("{kind}/{id}"));
    let revision = revision.ok_or_else(unknown)?;
    let found = revision.provenance().iter().find(|found| found.kind.word() == kind && found.id == id);
    let found = found.ok_or_else(unknown)?;
    etag::tagged(&headers, &View { graph: graph(&revision, found).map(draw), ..describe(found) })
}

fn draw(graph: Graph) -> Drawn {
    let mermaid = graph.to_mermaid();
    let nodes = graph.nodes.into_iter().map(|node| Node { id: node.id, label: node.label });
    let edges = graph.edges.into_iter().map(|edge| Edge { from: edge.from, to: edge.to, label: edge.label });
    Drawn { nodes: nodes.collect(), edges: edges.collect(), mermaid }
}

/// The active definitions of a project; none before the first.
async fn active(api: &Access, project: &str) -> Result<Option<std::sync::Arc<Revision>>, Problem> {
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

fn describe(found: &Provenance) -> View {
    let origin = found.origin.clone();
    let word = |level: &kiket_core::Level| level.to_string();
    View {
        kind: found.kind.word(),
        id: found.id.clone(),
        path: found.path.clone(),
        line: found.line,
        level: word(&origin.level),
        repository: origin.repository,
        branch: origin.branch,
        commit: origin.commit,
        replaces: found.replaces.iter().map(word).collect(),
        graph: None,
    }
}
