//! One who follows the log: a cursor, which takes what is new from the feed and what is old from the store.
//!
//! It holds no queue. Where it lags behind the feed it reads a page at a time, when it is asked; the order is that of
//! positions in both, and the cursor moves past each of them once: no gaps, no repeats.

use std::collections::VecDeque;
use std::sync::Arc;

use kiket_store::{Filter, Position, StoreError};
use tokio::sync::watch;

use super::feed::{Feed, Found, Topic};
use super::frame::{Encoder, Frame};

/// How many entries one read takes. Those with lines of a log have some 100 KiB each, and whoever lags holds a page.
const PAGE: u32 = 16;

/// A follower of a topic.
pub(crate) struct Subscription {
    feed: Arc<Feed>,
    topic: Topic,
    /// The same topic as the store is asked for it, and the kinds.
    filter: Filter,
    /// Everything up to here is seen or in the page.
    cursor: Position,
    page: VecDeque<Arc<Frame>>,
    wake: watch::Receiver<()>,
}

impl Subscription {
    /// Begins after `cursor`. Kinds are whole (`run.started`) or everything below a prefix (`stage.*`); without any,
    /// all come.
    pub(crate) fn new(feed: Arc<Feed>, topic: Topic, kinds: Vec<String>, cursor: Position) -> Self {
        let mut filter = Filter { kinds, ..Filter::default() };
        match topic {
            Topic::Everything => {}
            Topic::Project(project) => filter.project = Some(project),
            Topic::Run(run) => filter.run = Some(run),
            Topic::Item(item) => filter.item = Some(item),
        }
        let wake = feed.subscribe(topic);
        Self { feed, topic, filter, cursor, page: VecDeque::new(), wake }
    }

    /// Returns the next frame, and waits for it where there is none yet. Whoever stops waiting loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Arc<Frame>, StoreError> {
        loop {
            self.wake.mark_unchanged();
            if let Some(frame) = self.next_now().await? {
                return Ok(frame);
            }
            self.wake.changed().await.map_err(|_| StoreError::Closed)?;
        }
    }

    async fn next_now(&mut self) -> Result<Option<Arc<Frame>>, StoreError> {
        loop {
            if let Some(frame) = self.page.pop_front() {
                return Ok(Some(frame));
            }
            match self.feed.after(self.cursor, |frame| passes(&self.filter, frame)) {
                Found::Frame(frame) => {
                    self.cursor = frame.position;
                    return Ok(Some(frame));
                }
                Found::NothingUpTo(head) => {
                    self.cursor = self.cursor.max(head);
                    return Ok(None);
                }
                // A read takes some kilobytes of state: those who wait for something new do without.
                Found::Behind => Box::pin(self.read()).await?,
            }
        }
    }

    /// Takes a page from the store.
    async fn read(&mut self) -> Result<(), StoreError> {
        let store = self.feed.store();
        let head = *store.head().borrow();
        let entries = store.tail(self.cursor, &self.filter, PAGE).await?;
        let is_all = entries.len() < PAGE as usize;
        self.page = Encoder::default().encode(store, entries).await?.into();
        let last = self.page.back().map_or(self.cursor, |frame| frame.position);
        self.cursor = if is_all { last.max(head) } else { last };
        Ok(())
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let wake = std::mem::replace(&mut self.wake, watch::channel(()).1);
        self.feed.leave(self.topic, wake);
    }
}

/// The same question as the store's.
fn passes(filter: &Filter, frame: &Frame) -> bool {
    filter.run.is_none_or(|run| frame.run == Some(run))
        && filter.item.is_none_or(|item| frame.item == Some(item))
        && filter.project.is_none_or(|project| frame.project == project)
        && is_of_kind(&filter.kinds, &frame.kind)
}

/// Tells whether a kind is among these; without any, all are.
pub(crate) fn is_of_kind(kinds: &[String], kind: &str) -> bool {
    let fits = |pattern: &String| pattern.strip_suffix('*').map_or(pattern == kind, |start| kind.starts_with(start));
    kinds.is_empty() || kinds.iter().any(fits)
}
