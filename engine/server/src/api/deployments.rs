//! `GET /projects/{project}/deployments`: the apps of a project, what is live, where, and what was before.

use kiket_core::{ReleaseId, RunId};
use kiket_store::{LiveRelease, Switch};
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::{Authorized, may};
use super::extract::{Json, Page, Path, Query, Time};
use super::page::{self, Paging};
use super::routes::{Routes, get};
use super::{Api, Problem, projects};

/// How many switches of an app are listed.
const HISTORY: u32 = 50;

pub(super) fn operations() -> Routes {
    Routes::new().add(get("/projects/{project}/deployments", "listDeployments", "List the apps that are live"), list)
}

/// An app, what is live of it, and what was.
#[derive(Serialize, JsonSchema)]
struct Deployment {
    app: String,
    /// Where visitors find it; null where the server serves no sites.
    url: Option<String>,
    live: Live,
    /// The latest switches, the latest first.
    history: Vec<Switched>,
}

/// The release that is live.
#[derive(Serialize, JsonSchema)]
struct Live {
    release: ReleaseId,
    /// The address of this release.
    url: Option<String>,
    /// Digest of what is served.
    artifact: String,
    run: Option<RunId>,
    stage: Option<String>,
    created_at: Time,
    since: Time,
}

/// One release taking the place of another.
#[derive(Serialize, JsonSchema)]
struct Switched {
    release: ReleaseId,
    previous: Option<ReleaseId>,
    run: Option<RunId>,
    stage: Option<String>,
    at: Time,
}

async fn list(
    api: Authorized<may::Read>,
    Path(project): Path<String>,
    Query(asked): Query<Paging>,
) -> Result<Json<Page<Deployment>>, Problem> {
    let project = projects::find(&api, &project).await?;
    let mut apps = api.store.live_releases(Some(project.id)).await?;
    apps.sort_by(|one, other| one.release.app.cmp(&other.release.app));
    let (apps, next_cursor) = page::cut(apps, &asked, |live: &LiveRelease| live.release.app.clone());
    let mut data = Vec::new();
    for live in apps {
        let history = api.store.switches(project.id, &live.release.app, HISTORY).await?;
        data.push(describe(&api, live, history));
    }
    Ok(Json(Page { data, next_cursor }))
}

fn describe(api: &Api, LiveRelease { release, since }: LiveRelease, history: Vec<Switch>) -> Deployment {
    let switched = |switch: Switch| Switched {
        release: switch.release,
        previous: switch.previous,
        run: switch.run,
        stage: switch.stage,
        at: Time(switch.at),
    };
    Deployment {
        url: api.deployments.live_url(&release.project_name, &release.app),
        live: Live {
            release: release.id,
            url: api.deployments.url(&release),
            artifact: release.artifact,
            run: release.run,
            stage: release.stage,
            created_at: Time(release.created_at),
            since: Time(since),
        },
        app: release.app,
        history: history.into_iter().map(switched).collect(),
    }
}
