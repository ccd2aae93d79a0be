//! Server-sent events: the log from a cursor on, in order, without gaps or repeats.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream;
use kiket_store::Position;
use serde::Deserialize;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::auth::Admin;
use super::{Api, Problem, items, projects, runs};
use crate::events::{Subscription, Topic, is_of_kind, of_run};
use crate::metrics::Metrics;

/// How often a comment shows that the connection lives.
const HEARTBEAT: Duration = Duration::from_secs(15);
const BEAT: Bytes = Bytes::from_static(b":\n\n");
/// After so many bytes a stream lets others have their turn: what thousands get at once is more than one round.
const TURN_BYTES: usize = 32 * 1024;
/// What a stream begins with: how long a client waits before it connects again, in milliseconds.
const OPENING: Bytes = Bytes::from_static(b"retry: 1000\n: kiket\n\n");
/// What tells that nothing comes after.
const END: Bytes = Bytes::from_static(b"event: end\ndata: {}\n\n");

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/runs/{run}/events", get(of_one_run))
        .route("/items/{item}/events", get(of_item))
        .route("/projects/{project}/events", get(of_project))
        .route("/events", get(of_everything))
}

#[derive(Deserialize)]
struct StreamQuery {
    from: Option<String>,
    kinds: Option<String>,
}

async fn of_one_run(
    State(api): State<Api>,
    _: Admin,
    Path(run): Path<String>,
    query: Result<Query<StreamQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let row = runs::find(&api, &run).await?;
    let Query(query) = query?;
    let after = cursor(&api, &headers, query.from.as_deref(), Position::ZERO)?;
    if row.terminal && api.store.tail(after, &of_run(row.id), 1).await?.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    // The end is told by the run's own last event, so the filter by kind comes after it.
    let subscription = Subscription::new(Arc::clone(&api.feed), Topic::Run(row.id), Vec::new(), after);
    Ok(respond(&api, subscription, kinds(query.kinds.as_deref()), true))
}

async fn of_item(
    State(api): State<Api>,
    _: Admin,
    Path(item): Path<String>,
    query: Result<Query<StreamQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = items::find(&api, &item).await?.id;
    let Query(query) = query?;
    let after = cursor(&api, &headers, query.from.as_deref(), Position::ZERO)?;
    Ok(follow(&api, Topic::Item(id), query.kinds.as_deref(), after))
}

async fn of_project(
    State(api): State<Api>,
    _: Admin,
    Path(project): Path<String>,
    query: Result<Query<StreamQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let project = projects::find(&api, &project).await?;
    let Query(query) = query?;
    let now = *api.store.head().borrow();
    let after = cursor(&api, &headers, query.from.as_deref(), now)?;
    Ok(follow(&api, Topic::Project(project.id), query.kinds.as_deref(), after))
}

async fn of_everything(
    State(api): State<Api>,
    _: Admin,
    query: Result<Query<StreamQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let now = *api.store.head().borrow();
    let after = cursor(&api, &headers, query.from.as_deref(), now)?;
    Ok(follow(&api, Topic::Everything, query.kinds.as_deref(), after))
}

/// Finds where to begin. `Last-Event-ID` beats `from`, because browsers repeat their URL when they reconnect.
fn cursor(api: &Api, headers: &HeaderMap, from: Option<&str>, default: Position) -> Result<Position, Problem> {
    let last = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?").trim());
    match last.filter(|last| !last.is_empty()).or(from) {
        None => Ok(default),
        Some("start") => Ok(Position::ZERO),
        Some("now") => Ok(*api.store.head().borrow()),
        Some(id) => match id.parse::<i64>() {
            Ok(id) if id >= 0 => Ok(Position::new(id)),
            _ => {
                let detail = "a position is a whole number, `start` or `now`";
                Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_position", detail))
            }
        },
    }
}

fn kinds(text: Option<&str>) -> Vec<String> {
    text.into_iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|kind| !kind.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Follows what does not end.
fn follow(api: &Api, topic: Topic, wanted: Option<&str>, after: Position) -> Response {
    let subscription = Subscription::new(Arc::clone(&api.feed), topic, kinds(wanted), after);
    respond(api, subscription, Vec::new(), false)
}

fn respond(api: &Api, subscription: Subscription, kinds: Vec<String>, ends: bool) -> Response {
    let shutdown = api.shutdown.clone();
    let reader =
        Reader { subscription, kinds, ends, stage: Stage::Opening, sent: 0, shutdown, _open: Open::count(api) };
    let blocks = stream::unfold(reader, |mut reader| async move {
        let block = reader.next().await?;
        Some((Ok::<_, Infallible>(block), reader))
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (kind, Body::from_stream(blocks)).into_response()
}

/// One subscriber. It pulls: what it has not asked for is not held for it.
struct Reader {
    subscription: Subscription,
    kinds: Vec<String>,
    ends: bool,
    stage: Stage,
    /// Bytes since others had their turn.
    sent: usize,
    shutdown: CancellationToken,
    _open: Open,
}

/// Counts a stream for as long as it is open.
struct Open(Arc<Metrics>);

impl Open {
    fn count(api: &Api) -> Self {
        api.metrics.streams.inc();
        Self(Arc::clone(&api.metrics))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.streams.dec();
    }
}

enum Stage {
    Opening,
    Following,
    Ending,
    Ended,
}

impl Reader {
    /// Returns what to send next, if anything comes.
    async fn next(&mut self) -> Option<Bytes> {
        match self.stage {
            Stage::Opening => {
                self.stage = Stage::Following;
                Some(OPENING)
            }
            Stage::Following => self.follow().await,
            Stage::Ending => {
                self.stage = Stage::Ended;
                Some(END)
            }
            Stage::Ended => None,
        }
    }

    async fn follow(&mut self) -> Option<Bytes> {
        if self.sent >= TURN_BYTES {
            self.sent = 0;
            tokio::task::yield_now().await;
        }
        loop {
            let next = tokio::select! {
                next = timeout(HEARTBEAT, self.subscription.next()) => next,
                () = self.shutdown.cancelled() => return None,
            };
            // The time that passed also makes the subscription look again: a wake-up that was lost costs a heartbeat.
            let Ok(next) = next else { return Some(BEAT) };
            // The feed has said why.
            let frame = next.ok()?;
            if self.ends && frame.is_end() {
                self.stage = Stage::Ending;
            }
            if is_of_kind(&self.kinds, &frame.kind) {
                self.sent += frame.block.len();
                return Some(frame.block.clone());
            }
            if matches!(self.stage, Stage::Ending) {
                self.stage = Stage::Ended;
                return Some(END);
            }
        }
    }
}
