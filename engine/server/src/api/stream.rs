//! Server-sent events: the log from a cursor on, in order, without gaps or repeats.
//!
//! A stream ends with its token: when that is revoked or expires.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use kiket_core::Timestamp;
use kiket_store::Position;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::auth::{Access, Authorized, may};
use super::contract::Contract;
use super::extract::{Path, Query};
use super::routes::{Operation, Routes, get};
use super::{Api, Problem, items, projects, runs};
use crate::clock;
use crate::events::{Next, Subscription, Topic, is_of_kind, of_run};
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

/// What tells that something up to a position is no longer there, and was not sent.
fn reset(cut: Position) -> Bytes {
    format!("event: reset\ndata: {{\"position\":{cut}}}\n\n").into()
}

/// Most digits of a position.
const POSITION_DIGITS: usize = 18;
/// Longest list of kinds, in bytes.
const KINDS_BYTES: usize = 1000;

pub(super) fn operations() -> Routes {
    let events = |operation: Operation| {
        operation.with(|contract: &mut Contract<'_>| {
            let about = "The position after which to go on; it counts before `from`.";
            contract
                .header("Last-Event-ID", json!({ "type": "string", "pattern": "^[0-9]{0,18}$", "description": about }));
            // Where the media type is one of events, the schema is that of each.
            contract.sends(
                200,
                "text/event-stream",
                json!({
                    "type": "object",
                    "required": ["event", "data"],
                    "properties": {
                        "id": { "type": "string", "pattern": "^[0-9]+$", "description": "Its position." },
                        "event": { "type": "string", "description": "Its kind; `end` is the last, and `reset` says that what lies between is forgotten." },
                        "data": { "type": "string", "contentMediaType": "application/json" },
                    },
                }),
            );
            contract.fails(&[400]);
            contract.takes_tickets = true;
        })
    };
    let of_run = get("/runs/{run}/events", "followRun", "Follow a run to its end")
        .with(|contract| contract.answers_nothing(204));
    Routes::new()
        .add(events(of_run), of_one_run)
        .add(events(get("/items/{item}/events", "followItem", "Follow an item")), of_item)
        .add(events(get("/projects/{project}/events", "followProject", "Follow a project")), of_project)
        .add(events(get("/events", "followEverything", "Follow everything that the token sees")), of_everything)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StreamQuery {
    /// Where to begin: `start` (of what is kept), `now`, or the position of an event, which is not repeated.
    #[schemars(regex(pattern = "^(start|now|[0-9]{1,18})$"))]
    from: Option<String>,
    /// Only these kinds, with commas between: `run.*,stage.succeeded`.
    #[schemars(length(max = 1000))]
    kinds: Option<String>,
    /// A ticket, in the place of a token.
    #[schemars(skip)]
    #[expect(dead_code, reason = "who asks was found out before the query is read")]
    ticket: Option<String>,
}

async fn of_one_run(
    api: Authorized<may::Read>,
    Path(run): Path<String>,
    Query(query): Query<StreamQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let row = runs::find(&api, &run).await?;
    let kinds = kinds(query.kinds.as_deref())?;
    let after = cursor(&api, &headers, query.from.as_deref(), Position::ZERO)?;
    if row.terminal && api.store.tail(after, &of_run(row.id), 1).await?.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    // The end is told by the run's own last event, so the filter by kind comes after it.
    let subscription = Subscription::new(Arc::clone(&api.feed), Topic::Run(row.id), Vec::new(), after);
    Ok(respond(&api, subscription, kinds, true))
}

async fn of_item(
    api: Authorized<may::Read>,
    Path(item): Path<String>,
    Query(query): Query<StreamQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = items::find(&api, &item).await?.id;
    let after = cursor(&api, &headers, query.from.as_deref(), Position::ZERO)?;
    follow(&api, Topic::Item(id), query.kinds.as_deref(), after)
}

async fn of_project(
    api: Authorized<may::Read>,
    Path(project): Path<String>,
    Query(query): Query<StreamQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let project = projects::find(&api, &project).await?;
    let now = *api.store.head().borrow();
    let after = cursor(&api, &headers, query.from.as_deref(), now)?;
    follow(&api, Topic::Project(project.id), query.kinds.as_deref(), after)
}

async fn of_everything(
    api: Authorized<may::Read>,
    Query(query): Query<StreamQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let now = *api.store.head().borrow();
    let after = cursor(&api, &headers, query.from.as_deref(), now)?;
    let topic = api.only_project().map_or(Topic::Everything, Topic::Project);
    follow(&api, topic, query.kinds.as_deref(), after)
}

/// Finds where to begin. `Last-Event-ID` beats `from`, because browsers repeat their URL when they reconnect.
fn cursor(api: &Access, headers: &HeaderMap, from: Option<&str>, default: Position) -> Result<Position, Problem> {
    let from = match from {
        None => default,
        Some("start") => Position::ZERO,
        Some("now") => *api.store.head().borrow(),
        Some(position) => read_position(position)?,
    };
    let last = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?").trim());
    last.filter(|last| !last.is_empty()).map_or(Ok(from), read_position)
}

fn read_position(text: &str) -> Result<Position, Problem> {
    let is_plain = text.len() <= POSITION_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    let position = text.parse().ok().filter(|_| is_plain).map(Position::new);
    let detail = "a position is a whole number, `start` or `now`";
    position.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "invalid_position", detail))
}

fn kinds(text: Option<&str>) -> Result<Vec<String>, Problem> {
    let text = text.unwrap_or_default();
    if text.len() > KINDS_BYTES {
        let detail = format!("`kinds` has at most {KINDS_BYTES} bytes");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail));
    }
    Ok(text.split(',').map(str::trim).filter(|kind| !kind.is_empty()).map(str::to_owned).collect())
}

/// Follows what does not end.
fn follow(access: &Access, topic: Topic, wanted: Option<&str>, after: Position) -> Result<Response, Problem> {
    let subscription = Subscription::new(Arc::clone(&access.feed), topic, kinds(wanted)?, after);
    Ok(respond(access, subscription, Vec::new(), false))
}

fn respond(access: &Access, subscription: Subscription, kinds: Vec<String>, ends: bool) -> Response {
    let (access, open) = (access.clone(), Open::count(access));
    let reader = Reader { access, subscription, kinds, ends, stage: Stage::Opening, sent: 0, _open: open };
    let blocks = stream::unfold(reader, |mut reader| async move {
        let block = reader.next().await?;
        Some((Ok::<_, Infallible>(block), reader))
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (kind, Body::from_stream(blocks)).into_response()
}

/// One subscriber. It pulls: what it has not asked for is not held for it.
struct Reader {
    access: Access,
    subscription: Subscription,
    kinds: Vec<String>,
    ends: bool,
    stage: Stage,
    /// Bytes since others had their turn.
    sent: usize,
    _open: Open,
}

/// Waits for a time, or for ever.
async fn until(time: Option<Timestamp>) {
    let Some(time) = time else { return std::future::pending().await };
    tokio::time::sleep(clock::until(time)).await;
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
                () = self.access.shutdown.cancelled() => return None,
                () = self.access.bearer.revoked.cancelled() => return None,
                () = self.access.overtaken.cancelled() => return None,
                () = until(self.access.bearer.expires_at) => return None,
            };
            // The time that passed also makes the subscription look again: a wake-up that was lost costs a heartbeat.
            let Ok(next) = next else { return Some(BEAT) };
            // The feed has said why.
            let frame = match next.ok()? {
                Next::Frame(frame) => frame,
                Next::Reset(cut) => {
                    if self.ends {
                        self.stage = Stage::Ended;
                    }
                    return Some(reset(cut));
                }
            };
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
