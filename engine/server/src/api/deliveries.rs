//! `GET /projects/{project}/deliveries`: what webhooks have told, and what became of it.

use kiket_core::DeliveryId;
use kiket_store::Delivery;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::{Authorized, may};
use super::extract::{Json, Limit, Page, Path, Query, Time};
use super::routes::{Routes, get};
use super::{Problem, projects};

pub(super) fn operations() -> Routes {
    let about = "List the latest deliveries of webhooks, the latest first";
    Routes::new().add(get("/projects/{project}/deliveries", "listDeliveries", about), list)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LatestQuery {
    /// How many to return.
    #[serde(default)]
    limit: Limit,
}

/// A webhook that was received.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
struct View {
    id: DeliveryId,
    /// The kind of forge that sent it.
    forge: Option<String>,
    /// The forge's own id.
    external_id: String,
    /// What it tells of.
    event: String,
    /// `pending`, `done` or `failed`.
    status: String,
    /// What became of it, for people.
    note: String,
    received_at: Time,
}

async fn list(
    api: Authorized<may::Read>,
    Path(project): Path<String>,
    Query(query): Query<LatestQuery>,
) -> Result<Json<Page<View>>, Problem> {
    let project = projects::find(&api, &project).await?;
    let rows = api.store.deliveries(project.id, query.limit.get()).await?;
    Ok(Json(Page::whole(rows.into_iter().map(describe).collect())))
}

fn describe(delivery: Delivery) -> View {
    let headers: serde_json::Value = serde_json::from_str(&delivery.headers).unwrap_or_default();
    View {
        id: delivery.id,
        forge: headers["forge"].as_str().map(str::to_owned),
        external_id: delivery.external_id,
        event: delivery.event,
        status: delivery.status.to_string(),
        note: delivery.note,
        received_at: Time(delivery.received_at),
    }
}
