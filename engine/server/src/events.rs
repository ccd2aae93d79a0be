//! Following the log: live and replay are one path, a reader is a cursor.
//!
//! A reader pulls at its own pace and holds no queue; the head of the log only wakes it. A [`Tail`] reads the store for
//! one reader; [`Subscription`]s share what one [`Feed`] has read and encoded for all of them.

mod feed;
mod frame;
mod subscription;

use std::collections::VecDeque;
use std::time::Duration;

use kiket_core::RunId;
use kiket_store::{Entry, Filter, Position, Store, StoreError};
use tokio::sync::watch;
use tokio::time::timeout;

pub(crate) use feed::{Feed, Topic};
pub(crate) use frame::{is_end, object};
pub(crate) use subscription::{Next, Subscription, is_of_kind};

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
