//! `GET /up`: whether the server can do its work. Needs no token and says nothing of projects.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::Api;

pub(super) fn router() -> Router<Api> {
    Router::new().route("/up", get(up))
}

async fn up(State(api): State<Api>) -> Response {
    let store = api.store.tail(kiket_store::Position::ZERO, &kiket_store::Filter::default(), 1).await;
    let store = store.is_ok();
    let status = if store { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "status": if store { "up" } else { "down" },
        "version": env!("CARGO_PKG_VERSION"),
        "checks": { "store": store },
    });
    (status, Json(body)).into_response()
}
