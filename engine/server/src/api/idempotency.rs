//! `Idempotency-Key`: the same request again gets the first answer, another one under the same key is refused.
//!
//! A key belongs to one project, one kind of request and one token. It names the cause of a run, which starts one run.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use kiket_core::RunId;
use kiket_core::run::Run;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as JsonValue, json};
use sha2::{Digest as _, Sha256};

use super::auth::Access;
use super::contract::{Answer, Contract};
use super::{Problem, runs};

/// Says that the answer is one that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A run that was accepted, now or when the same was asked for before.
pub(super) struct Started {
    run: StartedRun,
    replayed: bool,
}

/// A run that was accepted.
#[derive(Serialize, JsonSchema)]
struct StartedRun {
    /// The run.
    id: RunId,
    /// Where it stood when it was accepted: `queued`.
    status: &'static str,
    /// Where its events are.
    events_url: String,
    /// The run that it repeats or goes on from.
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed_from: Option<RunId>,
    /// The stages whose results it keeps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept: Vec<String>,
}

/// A key with the request that was sent under it.
pub(super) struct Key {
    /// Names the cause of the run.
    pub(super) trigger: String,
    /// SHA-256 of the request.
    pub(super) request: String,
}

impl IntoResponse for Started {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::ACCEPTED, axum::Json(self.run)).into_response();
        if self.replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

impl Answer for Started {
    fn describe(contract: &mut Contract<'_>) {
        contract.answers::<StartedRun>(202);
    }
}

/// Says that the operation takes an `Idempotency-Key`.
pub(super) fn takes_key(contract: &mut Contract<'_>) {
    let about = "The same request under the same key starts one run, however often it is sent.";
    let schema = json!({ "type": "string", "pattern": "^[!-~]{1,200}$", "description": about });
    contract.header("Idempotency-Key", schema);
    contract.fails(&[422]);
}

impl Key {
    /// Reads the key of a request; `what` says what is asked for, without the body.
    pub(super) fn read(
        headers: &HeaderMap,
        api: &Access,
        what: &str,
        body: &JsonValue,
    ) -> Result<Option<Self>, Problem> {
        let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
        let key = key
            .to_str()
            .ok()
            .filter(|key| (1..=200).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()))
            .ok_or_else(|| {
                let detail = "an Idempotency-Key has 1 to 200 ASCII characters and no space";
                Problem::new(StatusCode::BAD_REQUEST, "invalid_header", detail)
            })?;
        // The order of keys and the space between them mean nothing: what was parsed is what counts.
        let request = hex::encode(Sha256::digest(format!("{what}\n{body}")));
        Ok(Some(Self { trigger: format!("api:{}:{what}:{key}", api.bearer.id), request }))
    }
}

/// Answers that a run was accepted.
pub(super) fn accepted(id: RunId, run: &Run) -> Started {
    Started { run: describe(id, run), replayed: false }
}

/// Answers a request that was sent before under the same key, and refuses another one.
pub(super) async fn again(api: &Access, run: RunId, request: Option<&str>) -> Result<Started, Problem> {
    let row = api.store.run(run).await?.ok_or_else(|| Problem::not_found("run", &run.to_string()))?;
    // Runs of before have none; there is nothing to compare.
    if row.request.is_some() && row.request.as_deref() != request {
        let detail = format!("this Idempotency-Key was sent before with another request, which started {run}");
        return Err(Problem::invalid("idempotency_mismatch", detail));
    }
    Ok(Started { run: describe(run, &runs::parse(&row)?), replayed: true })
}

fn describe(id: RunId, run: &Run) -> StartedRun {
    let kept = run.stages.iter().filter(|stage| stage.kept_from.is_some());
    StartedRun {
        id,
        status: "queued",
        events_url: format!("/api/v1/runs/{id}/events"),
        kept: kept.map(|stage| stage.id.to_string()).collect(),
        resumed_from: run.queued.as_ref().and_then(|queued| queued.resumed_from),
    }
}
