//! `POST /hooks/{project}`: webhooks. The signature is checked over the raw bytes before
//! anything is parsed; the answer comes once the delivery is durable.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use kiket_core::DeliveryId;
use kiket_store::{Change, CommitError, Conflict, NewDelivery};
use serde_json::json;

use super::{Api, Problem};
use crate::clock;
use crate::forge::{self, Envelope, Refused};
use crate::vault::Secret;

/// Largest webhook body: GitHub's own limit.
const BODY_BYTES: usize = 25 * 1024 * 1024;
/// Pushes go before ordinary stages.
const PRIORITY: i64 = 0;

pub(super) fn router() -> Router<Api> {
    Router::new().route("/hooks/{project}", post(receive)).layer(DefaultBodyLimit::max(BODY_BYTES))
}

async fn receive(
    State(api): State<Api>,
    Path(project): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body?;
    let known = api.store.project_by_name(&project).await?;
    // An unknown project answers as a wrong secret does: nobody learns which projects there are.
    let key = known.as_ref().map(|known| api.secrets.hook_key(known)).transpose()?;
    let nobodys = || Secret::new(hex::encode(api.secrets.derive("hooks of no project")));
    let key = key.unwrap_or_else(nobodys);
    let now = Duration::from_millis(clock::now().millis().unsigned_abs());
    let Envelope { forge, id: external_id, event } = forge::open(&headers, &body, key.reveal(), now)?;
    let Some(known) = known else { return Err(Problem::not_found("project", &project)) };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let headers =
        json!({ "forge": forge.to_string(), "content-type": text("content-type"), "user-agent": text("user-agent") });
    let id = DeliveryId::new(clock::ulid());
    let delivery = NewDelivery {
        id,
        project: known.id,
        external_id,
        event,
        headers: headers.to_string(),
        body: body.to_vec(),
        priority: PRIORITY,
        received_at: clock::now(),
    };
    match api.store.commit(vec![Change::Receive(delivery)]).await {
        Ok(_) => Ok((StatusCode::ACCEPTED, Json(json!({ "delivery": id }))).into_response()),
        Err(CommitError::Conflict(Conflict::DuplicateDelivery { id })) => {
            Ok((StatusCode::OK, Json(json!({ "delivery": id, "known": true }))).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotGenuine(_) => Self::unauthorized("invalid_signature", &refused.to_string()),
            Refused::Headers(..) => Self::new(StatusCode::BAD_REQUEST, "missing_header", refused.to_string()),
        }
    }
}
