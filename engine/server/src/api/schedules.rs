//! `GET /projects/{project}/schedules`: the times that start runs.

use kiket_core::RunId;
use kiket_store::ScheduleRow;
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::{Authorized, may};
use super::extract::{Json, Page, Path, Query, Time};
use super::page::{self, Paging};
use super::routes::{Routes, get};
use super::{Problem, projects};

pub(super) fn operations() -> Routes {
    Routes::new().add(get("/projects/{project}/schedules", "listSchedules", "List the schedules in force"), list)
}

/// A schedule in force.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Schedule")]
struct View {
    pipeline: String,
    /// Minute, hour, day of the month, month, day of the week.
    cron: String,
    /// Name in the IANA time zone database.
    timezone: String,
    /// The next time it is due; null where it never is again.
    next: Option<Time>,
    /// The last time it was due; null where it was not yet.
    last: Option<Time>,
    /// The run that was started for that one, which may be gone; null where none was.
    last_run: Option<RunId>,
}

async fn list(
    api: Authorized<may::Read>,
    Path(project): Path<String>,
    Query(asked): Query<Paging>,
) -> Result<Json<Page<View>>, Problem> {
    let project = projects::find(&api, &project).await?;
    let mut rows = api.store.schedules(project.id).await?;
    let by = |row: &ScheduleRow| format!("{} {}", row.pipeline, row.schedule);
    rows.sort_by_key(by);
    let (rows, next_cursor) = page::cut(rows, &asked, by);
    Ok(Json(Page { data: rows.into_iter().map(describe).collect(), next_cursor }))
}

fn describe(row: ScheduleRow) -> View {
    // A name of a time zone has no blank.
    let (cron, timezone) = row.schedule.rsplit_once(' ').unwrap_or((&row.schedule, "UTC"));
    View {
        cron: cron.to_owned(),
        timezone: timezone.to_owned(),
        pipeline: row.pipeline,
        next: (row.next != kiket_core::Timestamp::NEVER).then_some(Time(row.next)),
        last: row.settled.map(Time),
        last_run: row.run,
    }
}
