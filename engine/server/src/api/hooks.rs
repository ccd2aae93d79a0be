//! `POST /hooks/{project}`: webhooks. The signature is checked over the raw bytes before
//! anything is parsed; the answer comes once the delivery is durable.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use hmac::{Hmac, KeyInit, Mac};
use kiket_core::DeliveryId;
use kiket_store::{Change, CommitError, Conflict, NewDelivery};
use serde_json::json;
use sha2::Sha256;

use super::{Api, Problem};
use crate::clock;

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
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let known = api.store.project_by_name(&project).await?;
    let signature = text("x-hub-signature-256");
    // An unknown project answers as a wrong signature does: nobody learns which projects there are.
    let genuine = match (&known, signature) {
        (Some(known), Some(signature)) => is_genuine(api.secrets.hook_key(known)?.reveal(), &body, signature),
        _ => false,
    };
    let Some(known) = known.filter(|_| genuine) else {
        let detail = "the X-Hub-Signature-256 header does not fit the body and the project's secret";
        return Err(Problem::unauthorized("invalid_signature", detail));
    };
    let (Some(external_id), Some(event)) = (text("x-github-delivery"), text("x-github-event")) else {
        let detail = "the headers X-GitHub-Delivery and X-GitHub-Event are missing";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "missing_header", detail));
    };
    if external_id.is_empty() || external_id.len() > 200 || event.is_empty() || event.len() > 100 {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_header",
            "X-GitHub-Delivery or X-GitHub-Event is empty or too long",
        ));
    }
    let id = DeliveryId::new(clock::ulid());
    let delivery = NewDelivery {
        id,
        project: known.id,
        external_id: external_id.to_owned(),
        event: event.to_owned(),
        headers: json!({ "content-type": text("content-type"), "user-agent": text("user-agent") }).to_string(),
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

/// Compares in constant time.
fn is_genuine(secret: &str, body: &[u8], signature: &str) -> bool {
    let Some(given) = signature.strip_prefix("sha256=").and_then(|hex| hex::decode(hex).ok()) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
    mac.update(body);
    !secret.is_empty() && mac.verify_slice(&given).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_githubs_own_example_and_nothing_near_it() {
        // The example of GitHub's documentation on validating deliveries.
        let (secret, body) = ("It's a Secret to Everybody", b"Hello, World!");
        let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(is_genuine(secret, body, good));
        assert!(!is_genuine(secret, b"Hello, World?", good));
        assert!(!is_genuine("another secret", body, good));
        assert!(!is_genuine("", body, good));
        for bad in
            ["", "sha256=", "sha1=757107", &good[7..], &good[..good.len() - 2], &good.replace('7', "8"), "sha256=zz"]
        {
            assert!(!is_genuine(secret, body, bad), "{bad}");
        }
    }
}
