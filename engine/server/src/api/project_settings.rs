//! `PATCH /projects/{project}`: which branch of which repository is followed, how often it is looked at, and which
//! forge is told what became of runs.

use std::time::Duration;

use kiket_core::duration;
use kiket_store::{Change, Project, ProjectChange};
use kiket_sync::{RemoteUrl, is_branch_name};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::auth::{Authorized, may};
use super::extract::{Json, Path, Time};
use super::routes::{Routes, patch};
use super::{Problem, body, projects};
use crate::clock;
use crate::forge::ForgeSettings;

/// How often a new project is looked at.
const EVERY: Duration = Duration::from_secs(5 * 60);
/// How often at most, and how seldom.
const BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30 * 24 * 3600));

pub(super) fn operations() -> Routes {
    Routes::new()
        .add(patch("/projects/{project}", "changeProject", "Change what a project follows, and whom it tells"), change)
}

/// What is left out stays as it is; `null` is the default.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ProjectChange")]
struct Body {
    #[serde(default)]
    url: Option<String>,
    #[serde(default, deserialize_with = "given")]
    branch: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    sync_every: Option<Option<String>>,
    #[serde(default, deserialize_with = "given_object")]
    forge: Option<Option<ForgeSettings>>,
}

/// Tells `null` from nothing.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The same for what is an object.
fn given_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    body::object(deserializer).map(Some)
}

async fn change(
    api: Authorized<may::Projects>,
    Path(project): Path<String>,
    Json(wanted): Json<Body>,
) -> Result<Json<projects::View>, Problem> {
    let project = projects::find(&api, &project).await?;
    if let Some(Err(error)) = wanted.url.as_ref().map(|url| url.parse::<RemoteUrl>()) {
        return Err(Problem::invalid("invalid_url", error.to_string()));
    }
    check_branch(wanted.branch.as_ref().and_then(Option::as_deref))?;
    let sync_every = wanted.sync_every.map(|every| interval(every.as_deref())).transpose()?;
    if let Some(Some(forge)) = &wanted.forge {
        forge.check().map_err(|reason| Problem::invalid("invalid_forge", reason))?;
    }
    let has_forge = wanted.forge.as_ref().map(Option::is_some);
    let forge = wanted.forge.map(|forge| forge.map(|forge| forge.to_json()));
    let elsewhere = wanted.url.as_ref().is_some_and(|url| *url != project.url)
        || wanted.branch.as_ref().is_some_and(|branch| *branch != project.branch);
    let url = wanted.url.filter(|url| *url != project.url);
    let change = ProjectChange { project: project.id, url, branch: wanted.branch, sync_every, forge, at: clock::now() };
    let note = api.note("project.change", &*project.name, Some(project.id));
    api.store.commit(vec![Change::ChangeProject(change), note]).await?;
    api.publisher.timers.notify_one();
    if let Some(has_forge) = has_forge {
        api.statuses.set(project.id, has_forge);
    }
    if elsewhere && let Err(failure) = api.publisher.sync(&project, None, &api.bearer.name).await {
        // What is set stays, and the answer says why nothing was published.
        tracing::warn!(project = %project.name, %failure, "a project cannot be looked at");
    }
    let project = projects::find(&api, &project.name).await?;
    Ok(Json(projects::describe(&api, &project).await?))
}

/// Refuses what is no branch.
pub(super) fn check_branch(branch: Option<&str>) -> Result<(), Problem> {
    match branch {
        Some(branch) if !is_branch_name(branch) => {
            Err(Problem::invalid("invalid_branch", format!("`{branch:.100}` is not the name of a branch")))
        }
        _ => Ok(()),
    }
}

/// Reads how often a project is looked at, in milliseconds: nothing is the default, `off` is never.
pub(super) fn interval(text: Option<&str>) -> Result<Option<i64>, Problem> {
    let every = match text {
        None => EVERY,
        Some("off") => return Ok(None),
        Some(text) => duration::parse(text).filter(|every| (BOUNDS.0..=BOUNDS.1).contains(every)).ok_or_else(|| {
            let (least, most) = (duration::write(BOUNDS.0), duration::write(BOUNDS.1));
            let detail = format!("`sync_every` is a duration from {least} to {most}, such as 10m, or `off`");
            Problem::invalid("invalid_interval", detail)
        })?,
    };
    Ok(i64::try_from(every.as_millis()).ok())
}

/// How a project is kept in step.
#[derive(Serialize, JsonSchema)]
pub(super) struct View {
    /// How often its repository is looked at: a duration, or `off`.
    sync_every: String,
    /// When it was looked at last, and what was found.
    last_sync: Option<LastSync>,
    /// Why the last look at it failed.
    sync_error: Option<String>,
    /// The forge that is told what became of runs.
    forge: Option<ForgeSettings>,
    /// Why it could not be told lately.
    forge_error: Option<String>,
}

/// A look at a repository.
#[derive(Serialize, JsonSchema)]
struct LastSync {
    at: Time,
    #[serde(rename = "ref")]
    reference: Option<String>,
    commit: Option<String>,
}

/// Describes how a project is kept in step.
pub(super) fn describe(project: &Project) -> View {
    let every = project.sync_every.map(|every| duration::write(Duration::from_millis(every.unsigned_abs())));
    let synced = project.synced.as_ref();
    View {
        sync_every: every.unwrap_or_else(|| "off".to_owned()),
        last_sync: project.synced_at.map(|at| LastSync {
            at: Time(at),
            reference: synced.map(|synced| synced.reference.clone()),
            commit: synced.map(|synced| synced.commit.clone()),
        }),
        sync_error: project.sync_error.clone(),
        forge: project.forge.as_deref().and_then(|forge| serde_json::from_str(forge).ok()),
        forge_error: project.forge_error.clone(),
    }
}
