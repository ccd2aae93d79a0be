//! Server-sent events: the log from a cursor on, in order, without gaps or repeats.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream::{self, Stream};
use kiket_store::{Entry, Filter, Position};
use serde::Deserialize;

use super::auth::Admin;
use super::{Api, Problem, items, projects, runs};
use crate::events::{Tail, frame, is_end, of_run};
use crate::metrics::Metrics;

/// How often a comment shows that the connection lives.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client waits before it connects again.
const RETRY: Duration = Duration::from_secs(1);

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
    let kinds = kinds(query.kinds.as_deref());
    Ok(respond(api, of_run(row.id), after, kinds, true))
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
    let filter = Filter { item: Some(id), kinds: kinds(query.kinds.as_deref()), ..Filter::default() };
    Ok(respond(api, filter, after, Vec::new(), false))
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
    let filter = Filter { project: Some(project.id), kinds: kinds(query.kinds.as_deref()), ..Filter::default() };
    Ok(respond(api, filter, after, Vec::new(), false))
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
    let filter = Filter { kinds: kinds(query.kinds.as_deref()), ..Filter::default() };
    Ok(respond(api, filter, after, Vec::new(), false))
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

fn respond(api: Api, filter: Filter, after: Position, kinds: Vec<String>, ends: bool) -> Response {
    let tail = Tail::new(api.store.clone(), filter, after);
    let open = Open::count(&api);
    let reader = Reader { api, tail, kinds, ends, stage: Stage::Opening, project: None, _open: open };
    Sse::new(events(reader)).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response()
}

/// One subscriber. It pulls: what it has not asked for is not held anywhere.
struct Reader {
    api: Api,
    tail: Tail,
    kinds: Vec<String>,
    ends: bool,
    stage: Stage,
    /// The project of the last entry, by id and name.
    project: Option<(kiket_core::ProjectId, String)>,
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

fn events(reader: Reader) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(reader, |mut reader| async move { Some((Ok(reader.next().await?), reader)) })
}

impl Reader {
    async fn next(&mut self) -> Option<Event> {
        match self.stage {
            Stage::Opening => {
                self.stage = Stage::Following;
                Some(Event::default().retry(RETRY).comment("kiket"))
            }
            Stage::Following => self.follow().await,
            Stage::Ending => {
                self.stage = Stage::Ended;
                Some(Event::default().event("end").data("{}"))
            }
            Stage::Ended => None,
        }
    }

    async fn follow(&mut self) -> Option<Event> {
        loop {
            let entry = tokio::select! {
                entry = self.tail.next() => entry,
                () = self.api.shutdown.cancelled() => return None,
            };
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    tracing::error!(%error, "a stream ends because the log cannot be read");
                    return None;
                }
            };
            if self.ends && is_end(&entry) {
                self.stage = Stage::Ending;
            }
            if self.wants(&entry.kind) {
                return Some(self.event(&entry).await);
            }
            if matches!(self.stage, Stage::Ending) {
                self.stage = Stage::Ended;
                return Some(Event::default().event("end").data("{}"));
            }
        }
    }

    fn wants(&self, kind: &str) -> bool {
        let fits =
            |pattern: &String| pattern.strip_suffix('*').map_or(pattern == kind, |start| kind.starts_with(start));
        self.kinds.is_empty() || self.kinds.iter().any(fits)
    }

    async fn event(&mut self, entry: &Entry) -> Event {
        if self.project.as_ref().is_none_or(|(id, _)| *id != entry.project) {
            let project = self.api.store.project(entry.project).await.ok().flatten();
            self.project = project.map(|project| (project.id, project.name));
        }
        let project = self.project.as_ref().map_or("", |(_, name)| name.as_str());
        Event::default().id(entry.position.to_string()).event(&entry.kind).data(frame(entry, project))
    }
}
