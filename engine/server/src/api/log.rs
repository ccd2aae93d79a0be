//! What a stage wrote, as plain text: all of it, a stretch of it, its end, or as it comes.
//!
//! The body is read from the log of events page by page while it is sent; nothing holds it as a whole.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use kiket_core::RunId;
use kiket_core::record::Record;
use kiket_store::{Entry, Filter, Position, StoreError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::auth::{Access, Authorized, may};
use super::extract::{Path, Place, Query};
use super::routes::{Routes, get};
use super::{Problem, runs};
use crate::events::Tail;

/// The number of the first line that is sent, counted from 1: who loses the connection goes on from there.
const FIRST: HeaderName = HeaderName::from_static("kiket-log-from");

pub(super) fn operations() -> Routes {
    let text = get("/runs/{run}/stages/{stage}/log", "getLog", "Read what a stage has said")
        .with(|contract| contract.sends(200, "text/plain", json!({ "type": "string" })));
    Routes::new().add(text, log)
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    /// Only so many lines, the last ones.
    tail: Option<Place>,
    /// The first line, counted from 1.
    #[schemars(extend("minimum" = 1))]
    from: Option<Place>,
    /// How many lines at most.
    limit: Option<Place>,
    /// Only lines of this attempt, counted from 1.
    #[schemars(range(max = 4_294_967_295_u32))]
    attempt: Option<u32>,
    /// Whether to wait for more until the stage ends: `?follow`.
    #[schemars(regex(pattern = "^(|true|false|1|0)$"))]
    follow: Option<String>,
}

async fn log(
    api: Authorized<may::Read>,
    Path((run, stage)): Path<(String, String)>,
    Query(query): Query<LogQuery>,
) -> Result<Response, Problem> {
    let invalid = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail);
    let follow = match query.follow.as_deref() {
        None | Some("false" | "0") => false,
        Some("" | "true" | "1") => true,
        Some(_) => return Err(invalid("`follow` is there or not, or `true` or `false`")),
    };
    let count_of = |place: Place| place.get().unsigned_abs();
    let (tail, from, limit) = (query.tail.map(count_of), query.from.map(count_of), query.limit.map(count_of));
    if from == Some(0) {
        return Err(invalid("`from` counts lines from 1"));
    }
    let row = runs::find(&api, &run).await?;
    let state = runs::parse(&row)?;
    let found = state.stage(&stage).ok_or_else(|| Problem::not_found("stage", &stage))?;
    // What is kept was written where it was done.
    let run = found.kept_from.unwrap_or(row.id);
    let before = from.map_or(0, |from| from - 1);
    let skip = match tail {
        Some(last) => count(&api, run, &stage, query.attempt).await?.saturating_sub(last).max(before),
        None => before,
    };
    let tail = Tail::new(api.store.clone(), lines_of(run, &stage, follow), Position::ZERO);
    let first = skip.saturating_add(1);
    let reader = Reader { api: (*api).clone(), tail, follow, attempt: query.attempt, skip, left: limit, ended: false };
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((kind, [(FIRST, HeaderValue::from(first))], Body::from_stream(chunks(reader))).into_response())
}

/// What is read: the lines, and to follow them everything of the stage, because its end is an event.
fn lines_of(run: RunId, stage: &str, follow: bool) -> Filter {
    let kinds = if follow { Vec::new() } else { vec!["stage.log".to_owned()] };
    Filter { run: Some(run), stage: Some(stage.to_owned()), kinds, ..Filter::default() }
}

async fn count(api: &Access, run: RunId, stage: &str, attempt: Option<u32>) -> Result<u64, StoreError> {
    let mut tail = Tail::new(api.store.clone(), lines_of(run, stage, false), Position::ZERO);
    let mut lines = 0;
    while let Some(entry) = tail.next_now().await? {
        lines += texts(&entry, attempt).len() as u64;
    }
    Ok(lines)
}

/// One who reads a log.
struct Reader {
    api: Access,
    tail: Tail,
    follow: bool,
    attempt: Option<u32>,
    /// How many lines are still left out.
    skip: u64,
    /// How many lines may still come; `None` is all.
    left: Option<u64>,
    ended: bool,
}

fn chunks(reader: Reader) -> impl stream::Stream<Item = Result<Bytes, io::Error>> {
    stream::unfold(reader, |mut reader| async move {
        let chunk = reader.next().await.transpose()?;
        reader.ended = reader.ended || chunk.is_err();
        Some((chunk, reader))
    })
}

impl Reader {
    /// Returns the next lines; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, io::Error> {
        while !self.ended && self.left != Some(0) {
            let entry = match self.follow {
                true => tokio::select! {
                    entry = self.tail.next() => entry.map(Some),
                    () = self.api.shutdown.cancelled() => return Ok(None),
                },
                false => self.tail.next_now().await,
            };
            let Some(entry) = entry.map_err(io::Error::other)? else { return Ok(None) };
            self.ended = is_end(&entry.kind);
            let text = self.take(&entry);
            if !text.is_empty() {
                return Ok(Some(text.into()));
            }
        }
        Ok(None)
    }

    fn take(&mut self, entry: &Entry) -> String {
        let mut text = String::new();
        for line in texts(entry, self.attempt) {
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            match &mut self.left {
                Some(0) => break,
                Some(left) => *left -= 1,
                None => {}
            }
            text.extend(line.chars().map(harmless));
            text.push('\n');
        }
        text
    }
}

fn is_end(kind: &str) -> bool {
    matches!(kind, "stage.succeeded" | "stage.failed" | "stage.skipped" | "stage.cancelled")
}

/// The lines of an entry, where they are of that attempt.
fn texts(entry: &Entry, wanted: Option<u32>) -> Vec<String> {
    match serde_json::from_str(&entry.data) {
        Ok(Record::StageLog { attempt, lines, .. }) if wanted.is_none_or(|wanted| wanted == attempt) => {
            lines.into_iter().map(|line| line.text).collect()
        }
        _ => Vec::new(),
    }
}

/// Plain text goes to terminals as it is: a character that would command one is replaced. The events have it all.
fn harmless(char: char) -> char {
    if char.is_control() && char != '\t' { '\u{fffd}' } else { char }
}
