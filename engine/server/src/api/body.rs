//! Bodies of requests: JSON where there is one, defaults where there is none.

use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::Problem;

/// Reads a JSON body; an empty one is the default.
pub(super) fn read<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "invalid_body", error.to_string()))
}
