//! `GET /audit`: the privileged acts, as they were written with what they did.

use kiket_store::AuditRow;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Problem;
use super::auth::{Authorized, may};
use super::extract::{Json, Limit, Page, Place, Query, Time};
use super::routes::{Routes, get};

pub(super) fn operations() -> Routes {
    Routes::new().add(get("/audit", "listAudit", "List the privileged acts, the latest first"), list)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Paging {
    /// `next_cursor` of the page before.
    cursor: Option<Place>,
    /// How many to return.
    #[serde(default)]
    limit: Limit,
}

/// A privileged act.
#[derive(Serialize, JsonSchema)]
struct Act {
    /// Its place in the order in which they were done.
    id: i64,
    at: Time,
    /// The id of the token that acted.
    token: String,
    /// What that token was called.
    by: String,
    /// What was done: `secret.set`.
    act: String,
    /// What it was done to.
    subject: String,
    /// The project; null is the server as a whole.
    project: Option<String>,
    /// `done` or `failed`.
    outcome: String,
}

async fn list(api: Authorized<may::Admin>, Query(page): Query<Paging>) -> Result<Json<Page<Act, i64>>, Problem> {
    let limit = page.limit.get();
    let rows = api.store.audit(page.cursor.map(Place::get), limit).await?;
    let next_cursor = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.id);
    Ok(Json(Page { data: rows.into_iter().map(describe).collect(), next_cursor }))
}

fn describe(row: AuditRow) -> Act {
    let AuditRow { id, at, token, token_name, act, subject, project, outcome } = row;
    Act { id, at: Time(at), token, by: token_name, act, subject, project, outcome }
}
