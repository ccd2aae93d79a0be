//! `POST /tickets`: what a browser opens one event stream with, which can send no token and must not have one in a URL.
//!
//! A ticket is good for the one stream it was made for, for 60 seconds, once. From its first connection on it is good
//! for that stream's reconnects alone, which browsers make with the same URL and a `Last-Event-ID`: for one hour, and
//! never for two connections at once, because a reconnect ends the connection before it. It may what its token may, as
//! long as that is valid. Tickets are kept in memory: a restart ends them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, Uri};
use kiket_core::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::Problem;
use super::auth::{Authorized, may};
use super::bearer::Bearer;
use super::extract::{Created, Json, Time};
use super::routes::{Routes, post};
use crate::{clock, token};

/// How long a ticket waits for its stream.
const FRESH: Duration = Duration::from_secs(60);
/// How long its stream may reconnect.
const USED: Duration = Duration::from_secs(60 * 60);
/// Most tickets there are at once.
const MOST: usize = 10_000;

/// The tickets that are good, by their texts.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<HashMap<String, Ticket>>);

struct Ticket {
    bearer: Arc<Bearer>,
    stream: String,
    until: Timestamp,
    /// Ends the connection that it is used by.
    connection: Option<CancellationToken>,
}

/// Tells a stream that its ticket goes on with another connection.
#[derive(Clone, Default)]
pub(super) struct Overtaken(pub(super) CancellationToken);

pub(super) fn operations() -> Routes {
    Routes::new()
        .add(post("/tickets", "createTicket", "Make a ticket that opens one event stream, once").fails(&[503]), create)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewTicket")]
struct Wanted {
    /// The path of the stream: `/api/v1/runs/run_…/events`.
    #[schemars(regex(pattern = "^/api/v1/((runs|items|projects)/[^/?#]{1,200}/)?events$"))]
    stream: String,
}

/// A ticket: give it as `?ticket=` in the stream's URL.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MadeTicket")]
struct NewlyMade {
    ticket: String,
    /// Until when the stream has to be opened.
    expires_at: Time,
}

async fn create(api: Authorized<may::Read>, Json(wanted): Json<Wanted>) -> Result<Created<NewlyMade>, Problem> {
    if !is_stream(&wanted.stream) {
        return Err(Problem::invalid("invalid_stream", "`stream` is the path of an event stream, `/api/v1/…/events`"));
    }
    let now = clock::now();
    let until = now.after(FRESH);
    let text = format!("tkt_{}", token::random_text(43));
    let ticket = Ticket { bearer: Arc::clone(&api.bearer), stream: wanted.stream, until, connection: None };
    let mut tickets = api.tickets.0.lock().unwrap_or_else(PoisonError::into_inner);
    tickets.retain(|_, ticket| ticket.until > now);
    if tickets.len() >= MOST {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_tickets", "there are too many tickets"));
    }
    tickets.insert(text.clone(), ticket);
    Ok(Created::new(NewlyMade { ticket: text, expires_at: Time(until) }))
}

fn is_stream(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/api/v1/").and_then(|path| path.strip_suffix("events")) else { return false };
    let mut parts = rest.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(""), None, ..) => true,
        (Some("runs" | "items" | "projects"), Some(name), Some(""), None) => {
            (1..=200).contains(&name.len()) && !name.contains(['?', '#'])
        }
        _ => false,
    }
}

/// Takes the ticket of a request, if it has one that is good for its path.
pub(super) fn redeem(tickets: &Tickets, uri: &Uri, headers: &HeaderMap) -> Option<(Arc<Bearer>, Overtaken)> {
    let text = uri.query()?.split('&').find_map(|part| part.strip_prefix("ticket="))?;
    let now = clock::now();
    let mut tickets = tickets.0.lock().unwrap_or_else(PoisonError::into_inner);
    let ticket = tickets.get_mut(text)?;
    let valid = ticket.until > now && ticket.stream == uri.path() && ticket.bearer.is_valid(now);
    let reconnects = headers.get("last-event-id").is_some_and(|id| !id.is_empty());
    if !valid || ticket.connection.is_some() && !reconnects {
        return None;
    }
    let connection = CancellationToken::new();
    match ticket.connection.replace(connection.clone()) {
        Some(before) => before.cancel(),
        None => ticket.until = now.after(USED),
    }
    Some((Arc::clone(&ticket.bearer), Overtaken(connection)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_for_an_event_stream_and_nothing_else() {
        for path in ["/api/v1/events", "/api/v1/runs/run_1/events", "/api/v1/projects/shop/events"] {
            assert!(is_stream(path), "{path}");
        }
        for path in
            ["/api/v1/runs", "/api/v1/runs//events", "/api/v1/runs/a/b/events", "/events", "/api/v1/tokens/x/events"]
        {
            assert!(!is_stream(path), "{path}");
        }
    }
}
