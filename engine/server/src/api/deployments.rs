//! `GET /projects/{project}/deployments`: the apps of a project, what is live, where, and what was before.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use kiket_store::{LiveRelease, Switch};
use serde_json::{Value as JsonValue, json};

use super::auth::Admin;
use super::{Api, Problem, projects};

/// How many switches of an app are listed.
const HISTORY: u32 = 50;

pub(super) fn router() -> Router<Api> {
    Router::new().route("/projects/{project}/deployments", get(list))
}

async fn list(State(api): State<Api>, _: Admin, Path(project): Path<String>) -> Result<Json<JsonValue>, Problem> {
    let project = projects::find(&api, &project).await?;
    let mut data = Vec::new();
    for live in api.store.live_releases(Some(project.id)).await? {
        let history = api.store.switches(project.id, &live.release.app, HISTORY).await?;
        data.push(describe(&api, &live, &history));
    }
    Ok(Json(json!({ "data": data, "next_cursor": null })))
}

fn describe(api: &Api, live: &LiveRelease, history: &[Switch]) -> JsonValue {
    let release = &live.release;
    let history = history.iter().map(|switch| {
        json!({
            "release": switch.release,
            "previous": switch.previous,
            "run": switch.run,
            "stage": switch.stage,
            "at": switch.at.to_string(),
        })
    });
    json!({
        "app": release.app,
        "url": api.deployments.live_url(&release.project_name, &release.app),
        "live": {
            "release": release.id,
            "url": api.deployments.url(release),
            "artifact": release.artifact,
            "run": release.run,
            "stage": release.stage,
            "created_at": release.created_at.to_string(),
            "since": live.since.to_string(),
        },
        "history": history.collect::<Vec<_>>(),
    })
}
