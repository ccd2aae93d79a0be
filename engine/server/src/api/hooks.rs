//! `POST /hooks/{project}`: webhooks. The signature is checked over the raw bytes before
//! anything is parsed; the answer comes once the delivery is durable.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use kiket_core::DeliveryId;
use kiket_store::{Change, CommitError, Conflict, NewDelivery};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::auth::Public;
use super::contract::{Contract, Part};
use super::extract::Path;
use super::routes::{Routes, post};
use super::{Api, Problem};
use crate::clock;
use crate::forge::{self, Envelope, Refused};
use crate::vault::Secret;

/// Largest webhook body: GitHub's own limit.
const BODY_BYTES: usize = 25 * 1024 * 1024;
/// Pushes go before ordinary stages.
const PRIORITY: i64 = 0;

pub(super) fn operations() -> Routes {
    let hook = post("/hooks/{project}", "receiveDelivery", "Take a forge's webhook, which is signed")
        .answers::<200, Received>()
        .answers::<202, Received>()
        .fails(&[401]);
    Routes::new().add(hook, receive)
}

/// A delivery that is kept.
#[derive(Serialize, JsonSchema)]
struct Received {
    delivery: DeliveryId,
    /// Whether it had come before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    known: bool,
}

/// The body as it came, which may be larger than others.
struct Payload(Bytes);

impl FromRequest<Api> for Payload {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Problem> {
        let bytes = axum::body::to_bytes(request.into_body(), BODY_BYTES).await;
        let too_large =
            |_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_body", "a delivery has at most 25 MiB");
        Ok(Self(bytes.map_err(too_large)?))
    }
}

impl Part for Payload {
    fn describe(contract: &mut Contract<'_>) {
        contract.body::<serde_json::Map<String, serde_json::Value>>(true);
        contract.fails(&[400, 413]);
    }
}

async fn receive(
    api: Public,
    Path(project): Path<String>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Response, Problem> {
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
        Ok(_) => Ok((StatusCode::ACCEPTED, axum::Json(Received { delivery: id, known: false })).into_response()),
        Err(CommitError::Conflict(Conflict::DuplicateDelivery { id })) => {
            Ok((StatusCode::OK, axum::Json(Received { delivery: id, known: true })).into_response())
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
