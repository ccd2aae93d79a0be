//! `GET /up`: whether the server can do its work, and `GET /metrics`: how much of it it does. They need no token and say
//! nothing of projects.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kiket_store::StoreError;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as JsonValue, json};
use tokio::task::AbortHandle;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::auth::Public;
use super::routes::{Routes, get};
use super::{Api, Problem};
use crate::dispatch::Slots;
use crate::{clock, telemetry};

/// The tasks that do the server's work, and how many stages they run.
#[derive(Clone)]
pub(crate) struct Workers {
    /// The tasks; none of them ends before the server does.
    pub(crate) tasks: Arc<[AbortHandle]>,
    pub(crate) slots: Arc<Slots>,
}

pub(super) fn operations() -> Routes {
    let up_or_down =
        get("/up", "getHealth", "Whether the server can do its work").answers::<200, Health>().answers::<503, Health>();
    let text = get("/metrics", "getMetrics", "How much it does, for Prometheus")
        .with(|contract| contract.sends(200, "text/plain", json!({ "type": "string" })));
    Routes::new().add(up_or_down, up).add(text, metrics)
}

/// Whether the server can do its work.
#[derive(Serialize, JsonSchema)]
struct Health {
    /// `up` or `down`.
    status: &'static str,
    version: &'static str,
    checks: Checks,
    slots: FreeSlots,
    /// What there is to do, by kind.
    work: JsonValue,
}

#[derive(Serialize, JsonSchema)]
struct Checks {
    store: bool,
    workers: bool,
}

#[derive(Serialize, JsonSchema)]
struct FreeSlots {
    free: usize,
    all: usize,
}

async fn up(api: Public) -> Result<Response, Problem> {
    let store = check_store(&api).await;
    let workers = api.workers.tasks.iter().all(|task| !task.is_finished());
    let is_up = store.is_ok() && workers;
    let status = if is_up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = Health {
        status: if is_up { "up" } else { "down" },
        version: env!("CARGO_PKG_VERSION"),
        checks: Checks { store: store.is_ok(), workers },
        slots: FreeSlots { free: api.workers.slots.free(), all: api.workers.slots.all() },
        work: store.unwrap_or_default(),
    };
    Ok((status, Json(body)).into_response())
}

/// What there is to do, by kind: proof that the database answers.
async fn check_store(api: &Api) -> Result<JsonValue, StoreError> {
    let now = clock::now();
    let queues = api.store.queues(now).await?.into_iter().map(|queue| {
        let oldest = queue.oldest.map_or(0, |oldest| (now.millis() - oldest.millis()).max(0));
        let about = json!({ "waiting": queue.waiting, "held": queue.held, "later": queue.later, "oldest_ms": oldest });
        (queue.kind, about)
    });
    Ok(JsonValue::Object(queues.collect()))
}

async fn metrics(api: Public) -> Result<Response, Problem> {
    let (free, all) = (api.workers.slots.free(), api.workers.slots.all());
    let text = api.metrics.text(&api.store, free, all, clock::now()).await?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
}

/// Counts every request by the pattern of its route.
pub(super) async fn count(State(api): State<Api>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = span(&method, &route, request.uri().path());
    let answer = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", answer.status().as_u16());
    api.metrics.request(&method, &route, answer.status().as_u16(), begun.elapsed());
    answer
}

/// The span of a request, with the project and the run that its address names.
fn span(method: &str, route: &str, path: &str) -> Span {
    let span = tracing::debug_span!(
        target: telemetry::TARGET,
        "request",
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        project = Empty,
        run.id = Empty,
    );
    if !span.is_disabled() {
        for (pattern, part) in route.split('/').zip(path.split('/')) {
            match pattern {
                "{project}" => _ = span.record("project", part),
                "{run}" => _ = span.record("run.id", part),
                _ => {}
            }
        }
    }
    span
}
