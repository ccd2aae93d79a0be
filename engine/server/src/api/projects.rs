//! Projects, their revisions, and syncing by hand.

use kiket_core::{ProjectId, RevisionId, RunId};
use kiket_store::{Change, NewProject, Project, Revision};
use kiket_sync::RemoteUrl;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as JsonValue;

use super::auth::{Access, Authorized, may};
use super::contract::PROJECT;
use super::extract::{Created, Json, Maybe, Page, Path, Query, Time};
use super::page::{self, Paging};
use super::routes::{Routes, get, post};
use super::{Problem, body, project_settings};
use crate::vault::Secret;
use crate::{clock, token};

/// What the address of a repository looks like: no white space, no name of a user, no query.
const ADDRESS: &str = r#"^(https?://[!"$-.0->A-\[\]-~]+(/[!"$->@-\[\]-~]*)?|file:///[!"$->@-\[\]-~]+)$"#;

pub(super) fn operations() -> Routes {
    Routes::new()
        .add(post("/projects", "addProject", "Add a project").fails(&[409]), create)
        .add(get("/projects", "listProjects", "List the projects"), list)
        .add(get("/projects/{project}", "getProject", "Show a project"), show)
        .add(post("/projects/{project}/sync", "syncProject", "Read a project's repository now").fails(&[409]), sync)
        .add(get("/projects/{project}/revisions", "listRevisions", "List the revisions of a project"), revisions)
        .add(get("/projects/{project}/revisions/{revision}", "getRevision", "Show a revision"), revision)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewProject")]
struct NewBody {
    /// What it is called.
    #[schemars(regex(pattern = PROJECT))]
    name: String,
    /// The address of its repository.
    #[schemars(regex(pattern = ADDRESS))]
    url: String,
    /// The branch that is followed, where it is not the default one.
    #[serde(default)]
    branch: Option<String>,
    /// How often its repository is looked at: a duration such as `10m`, or `off`; 5 minutes where nothing is said.
    #[serde(default)]
    sync_every: Option<String>,
    /// What its webhooks are signed with; one is made where none is given.
    #[schemars(length(min = 16, max = 256))]
    #[serde(default)]
    hook_secret: Option<String>,
    /// The repository whose definitions are laid over its own.
    #[serde(default, deserialize_with = "body::object")]
    overrides: Option<Overrides>,
}

/// A repository whose definitions are laid over the project's own.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Overrides {
    /// Its address.
    #[schemars(regex(pattern = ADDRESS))]
    url: String,
    /// Its branch, where it is not the default one.
    #[serde(default)]
    branch: Option<String>,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SyncBody {
    /// The branch to read, where it is not the one that is followed.
    #[serde(default)]
    branch: Option<String>,
}

/// A project.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Project")]
pub(super) struct View {
    id: ProjectId,
    name: String,
    /// The address of its repository.
    url: String,
    /// The branch that is followed; null is the remote's default.
    branch: Option<String>,
    overrides: Option<Laid>,
    /// Where its webhooks go.
    hook_url: String,
    /// The revision in force; null until one was published.
    active_revision: Option<RevisionView>,
    created_at: Time,
    #[serde(flatten)]
    kept: project_settings::View,
}

/// The repository that is laid over a project's own.
#[derive(Serialize, JsonSchema)]
struct Laid {
    url: String,
    branch: Option<String>,
}

/// A project that was just added.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AddedProject")]
struct Added {
    #[serde(flatten)]
    project: View,
    /// The secret that was made for its webhooks; it is shown this once.
    hook_secret: Option<String>,
    /// Why its repository could not be read.
    sync_error: Option<String>,
}

/// A revision of a project's definitions.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Revision")]
pub(super) struct RevisionView {
    id: RevisionId,
    /// `active`, `superseded`, `rejected` or `branch`.
    status: String,
    commit: String,
    #[serde(rename = "ref")]
    reference: Option<String>,
    created_at: Time,
    /// What is to be said about its files.
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnostics: Option<JsonValue>,
    /// The plugins that are pinned to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    plugins: Option<JsonValue>,
    /// Its files.
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<SourceView>>,
}

/// A file of a revision.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Source")]
struct SourceView {
    path: String,
    bytes: usize,
    /// Level, repository, branch and commit.
    #[schemars(with = "JsonValue")]
    origin: kiket_core::Origin,
}

/// What came of reading a repository.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Synced")]
struct SyncedView {
    /// The revision of the commit; null where the branch has none.
    revision: Option<RevisionView>,
    /// The runs that it started.
    runs: Vec<Started>,
}

/// A run that was started.
#[derive(Serialize, JsonSchema)]
struct Started {
    id: RunId,
    pipeline: String,
}

async fn create(api: Authorized<may::Projects>, Json(body): Json<NewBody>) -> Result<Created<Added>, Problem> {
    api.unlimited()?;
    if !is_name(&body.name) {
        let detail = "a project's name has at most 64 of a-z, 0-9, - and _, and begins with a letter or a digit";
        return Err(Problem::invalid("invalid_name", detail));
    }
    for url in [Some(&body.url), body.overrides.as_ref().map(|overrides| &overrides.url)].into_iter().flatten() {
        if let Err(error) = url.parse::<RemoteUrl>() {
            return Err(Problem::invalid("invalid_url", error.to_string()));
        }
    }
    project_settings::check_branch(body.branch.as_deref())?;
    let sync_every = project_settings::interval(body.sync_every.as_deref())?;
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
        sync_every,
        created_at: clock::now(),
    };
    let note = api.note("project.add", &*project.name, Some(id));
    api.store.commit(vec![Change::Project(project), note]).await?;
    api.publisher.timers.notify_one();
    let project = find(&api, &body.name).await?;
    // The first look at the repository; where it fails the project stays, and the answer says why.
    let problem = api.publisher.sync(&project, None, "api").await.err().map(|failure| failure.to_string());
    let project = find(&api, &body.name).await?;
    let project = describe(&api, &project).await?;
    Ok(Created::new(Added { project, hook_secret: generated, sync_error: problem }))
}

async fn list(api: Authorized<may::Read>, Query(asked): Query<Paging>) -> Result<Json<Page<View>>, Problem> {
    let all = api.store.projects().await?.into_iter().filter(|project| api.sees(project.id)).collect();
    let (projects, next_cursor) = page::cut(all, &asked, |project: &Project| project.name.clone());
    let mut data = Vec::new();
    for project in &projects {
        data.push(describe(&api, project).await?);
    }
    Ok(Json(Page { data, next_cursor }))
}

async fn show(api: Authorized<may::Read>, Path(project): Path<String>) -> Result<Json<View>, Problem> {
    let project = find(&api, &project).await?;
    Ok(Json(describe(&api, &project).await?))
}

async fn sync(
    api: Authorized<may::Projects>,
    Path(project): Path<String>,
    Maybe(body): Maybe<SyncBody>,
) -> Result<Json<SyncedView>, Problem> {
    let project = find(&api, &project).await?;
    let synced = api.publisher.sync(&project, body.branch, "api").await;
    // Publishing is a unit of its own; that it was asked for by hand is noted right behind it, also if it failed.
    let note = api.note_outcome("project.sync", &*project.name, Some(project.id), synced.is_ok());
    api.store.commit(vec![note]).await?;
    let synced = synced?;
    let revision = match synced.revision {
        Some(id) => api.store.revision(id).await?.map(|revision| describe_revision(&revision, true)),
        None => None,
    };
    let runs = synced.runs.into_iter().map(|(id, pipeline)| Started { id, pipeline }).collect();
    Ok(Json(SyncedView { revision, runs }))
}

async fn revisions(
    api: Authorized<may::Read>,
    Path(project): Path<String>,
    Query(asked): Query<Paging<RevisionId>>,
) -> Result<Json<Page<RevisionView, RevisionId>>, Problem> {
    let (before, limit) = (asked.cursor, asked.limit.get());
    let project = find(&api, &project).await?;
    let rows = api.store.revisions_before(project.id, before, limit).await?;
    let next_cursor = page::next(&rows, limit, |row| row.id);
    Ok(Json(Page { data: rows.iter().map(|revision| describe_revision(revision, false)).collect(), next_cursor }))
}

async fn revision(
    api: Authorized<may::Read>,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<RevisionView>, Problem> {
    let project = find(&api, &project).await?;
    let parsed: RevisionId = id.parse().map_err(|_| Problem::not_found("revision", &id))?;
    let revision = api.store.revision(parsed).await?.filter(|revision| revision.project == project.id);
    let revision = revision.ok_or_else(|| Problem::not_found("revision", &id))?;
    let sources = api.store.sources(parsed).await?.into_iter();
    let sources =
        sources.map(|source| SourceView { bytes: source.text.len(), path: source.path, origin: source.origin });
    Ok(Json(RevisionView { sources: Some(sources.collect()), ..describe_revision(&revision, true) }))
}

/// Finds a project by its name, if the token sees it.
pub(super) async fn find(api: &Access, name: &str) -> Result<Project, Problem> {
    let found = api.store.project_by_name(name).await?.filter(|project| api.sees(project.id));
    found.ok_or_else(|| Problem::not_found("project", name))
}

pub(super) async fn describe(api: &Access, project: &Project) -> Result<View, Problem> {
    let active = match project.active_revision {
        Some(id) => api.store.revision(id).await?,
        None => None,
    };
    let overrides = project.overrides_url.clone();
    Ok(View {
        id: project.id,
        name: project.name.clone(),
        url: project.url.clone(),
        branch: project.branch.clone(),
        overrides: overrides.map(|url| Laid { url, branch: project.overrides_branch.clone() }),
        hook_url: format!("{}/api/v1/hooks/{}", api.public_url, project.name),
        active_revision: active.as_ref().map(|revision| describe_revision(revision, false)),
        created_at: Time(project.created_at),
        kept: project_settings::describe(project),
    })
}

fn describe_revision(revision: &Revision, whole: bool) -> RevisionView {
    let parsed = |text: &str| whole.then(|| serde_json::from_str(text).unwrap_or_default());
    RevisionView {
        id: revision.id,
        status: revision.status.to_string(),
        commit: revision.commit.clone(),
        reference: revision.reference.clone(),
        created_at: Time(revision.created_at),
        diagnostics: parsed(&revision.diagnostics),
        plugins: parsed(&revision.plugins),
        sources: None,
    }
}

fn is_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let rest =
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_');
    first && rest && name.len() <= 64
}
