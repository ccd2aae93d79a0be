//! Following the log: live and replay are one path, a reader is a cursor.
//!
//! A reader pulls at its own pace and holds no queue; the head of the log only wakes it.

use std::collections::VecDeque;
use std::time::Duration;

use kiket_core::RunId;
use kiket_store::{Entry, Filter, Position, Store, StoreError};
use tokio::sync::watch;
use tokio::time::timeout;

/// How many entries one read takes. Those with lines of a log have some 100 KiB each, and every reader holds a page.
const PAGE: u32 = 32;
/// How long a reader sleeps at most before it looks again: what a lost wake-up costs.
const POLL: Duration = Duration::from_secs(1);

/// A reader of the log.
pub(crate) struct Tail {
    store: Store,
    filter: Filter,
    cursor: Position,
    head: watch::Receiver<Position>,
    page: VecDeque<Entry>,
}

impl Tail {
    /// Begins after `cursor`.
    pub(crate) fn new(store: Store, filter: Filter, cursor: Position) -> Self {
        let head = store.head();
        Self { store, filter, cursor, head, page: VecDeque::new() }
    }

    /// Returns the next entry, and waits for it where there is none yet.
    pub(crate) async fn next(&mut self) -> Result<Entry, StoreError> {
        loop {
            self.head.mark_unchanged();
            if let Some(entry) = self.next_now().await? {
                return Ok(entry);
            }
            let _ = timeout(POLL, self.head.changed()).await;
        }
    }

    /// Returns the next entry if there is one.
    pub(crate) async fn next_now(&mut self) -> Result<Option<Entry>, StoreError> {
        if self.page.is_empty() {
            self.page = self.store.tail(self.cursor, &self.filter, PAGE).await?.into();
        }
        let entry = self.page.pop_front();
        if let Some(entry) = &entry {
            self.cursor = entry.position;
        }
        Ok(entry)
    }
}

/// Returns everything of one run.
pub(crate) fn of_run(run: RunId) -> Filter {
    Filter { run: Some(run), ..Filter::default() }
}

/// Tells whether nothing of the run comes after this.
pub(crate) fn is_end(entry: &Entry) -> bool {
    matches!(entry.kind.as_str(), "run.succeeded" | "run.failed" | "run.cancelled")
}

/// Returns the JSON object that a subscriber gets for an entry.
///
/// What the event says of itself is stored as an object whose first key is `kind`;
/// where and when it happened is put in front.
pub(crate) fn frame(entry: &Entry, project: &str) -> String {
    let mut frame = format!("{{\"position\":{}", entry.position);
    // The first event of an item says by itself when it was, and like that of a run, in which project.
    if entry.kind != "item.created" {
        frame += &format!(",\"at\":\"{}\"", entry.at);
    }
    if !matches!(entry.kind.as_str(), "run.queued" | "item.created") {
        frame += ",\"project\":";
        frame += &serde_json::Value::from(project).to_string();
    }
    if let Some(run) = entry.run {
        frame += &format!(",\"run\":\"{run}\"");
    }
    if let Some(item) = entry.item {
        frame += &format!(",\"item\":\"{item}\"");
    }
    if let Some(seq) = entry.seq {
        frame += &format!(",\"seq\":{seq}");
    }
    match entry.data.strip_prefix('{') {
        Some("}") | None => frame.push('}'),
        Some(rest) => {
            frame.push(',');
            frame += rest;
        }
    }
    frame
}
