//! Answers that say which version they are, so that nobody is sent what he has (RFC 9110, `If-None-Match`).

use std::marker::PhantomData;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Problem;
use super::contract::{Answer, Contract};

/// An answer of JSON under its tag, or that nothing has changed.
pub(super) struct Tagged<T> {
    response: Response,
    body: PhantomData<T>,
}

impl<T> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<T: JsonSchema> Answer for Tagged<T> {
    fn describe(contract: &mut Contract<'_>) {
        takes_tag(contract);
        contract.answers::<T>(200);
    }
}

/// Says that the operation takes `If-None-Match`.
pub(super) fn takes_tag(contract: &mut Contract<'_>) {
    let about = "The `ETag` of an earlier answer: nothing is sent where it still holds.";
    contract.header("If-None-Match", json!({ "type": "string", "description": about }));
    contract.answers_nothing(304);
}

/// Answers JSON under a tag of its bytes.
pub(super) fn tagged<T: Serialize>(asked: &HeaderMap, body: &T) -> Result<Tagged<T>, Problem> {
    answer(StatusCode::OK, asked, None, body).map(|response| Tagged { response, body: PhantomData })
}

/// Answers JSON under a tag of its bytes; `version` comes first in it, where there is one. 304 where the asker has it.
pub(super) fn answer(
    status: StatusCode,
    asked: &HeaderMap,
    version: Option<u64>,
    body: &impl Serialize,
) -> Result<Response, Problem> {
    let body = serde_json::to_vec(body).map_err(|error| Problem::internal(&error))?;
    let digest = hex::encode(&Sha256::digest(&body)[..8]);
    let tag = match version {
        Some(version) => format!("\"{version}-{digest}\""),
        None => format!("\"{digest}\""),
    };
    let has = asked.get_all(header::IF_NONE_MATCH).iter().any(|tags| names(tags, &tag));
    let mut response = match has {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => (status, [(header::CONTENT_TYPE, "application/json")], Body::from(body)).into_response(),
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Tells whether a list of tags names this one, weakly or not.
fn names(tags: &HeaderValue, tag: &str) -> bool {
    let is = |one: &str| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag;
    tags.to_str().is_ok_and(|tags| tags.split(',').map(str::trim).any(is))
}
