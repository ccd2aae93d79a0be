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

/// What a follower gets.
pub(crate) enum Next {
    /// An entry.
    Frame(Arc<Frame>),
    /// Something was forgotten between what was seen and what comes next, up to this position at most. Of a run nothing
    /// comes after it: the run is gone.
    Reset(Position),
}

/// A follower of a topic.
pub(crate) struct Subscription {
    feed: Arc<Feed>,
    topic: Topic,
    /// The same topic as the store is asked for it, and the kinds.
    filter: Filter,
    /// Everything up to here is seen or in the page.
    cursor: Position,
    page: VecDeque<Arc<Frame>>,
    /// What was forgotten up to here is known to the follower, or of no interest to it.
    known_cut: Position,
    /// What it has to be told before the page.
    reset: Option<Position>,
    wake: watch::Receiver<()>,
}

impl Subscription {
    /// Begins after `cursor`; at the very beginning with whatever is there. Kinds are whole (`run.started`) or everything below a prefix (`stage.*`); without any,
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
        // What belongs to one run or item goes whole or not at all, and it was there a moment ago.
        let is_whole = cursor == Position::ZERO || matches!(topic, Topic::Run(_) | Topic::Item(_));
        let known_cut = if is_whole { feed.store().cut(filter.project) } else { Position::ZERO };
        Self { feed, topic, filter, cursor, page: VecDeque::new(), known_cut, reset: None, wake }
    }

    /// Returns the next frame, and waits for it where there is none yet. Whoever stops waiting loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Next, StoreError> {
        loop {
            self.wake.mark_unchanged();
            if let Some(next) = self.next_now().await? {
                return Ok(next);
            }
            self.wake.changed().await.map_err(|_| StoreError::Closed)?;
        }
    }

    async fn next_now(&mut self) -> Result<Option<Next>, StoreError> {
        loop {
            if let Some(cut) = self.reset.take() {
                return Ok(Some(Next::Reset(cut)));
            }
            if let Some(frame) = self.page.pop_front() {
                return Ok(Some(Next::Frame(frame)));
            }
            match self.feed.after(self.cursor, |frame| passes(&self.filter, frame)) {
                Found::Frame(frame) => {
                    self.cursor = frame.position;
                    return Ok(Some(Next::Frame(frame)));
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
        let page = Encoder::default().encode(store, entries).await?;
        self.look_for_gap().await?;
        self.page = page.into();
        let last = self.page.back().map_or(self.cursor, |frame| frame.position);
        self.cursor = if is_all { last.max(head) } else { last };
        Ok(())
    }

    /// Finds out whether something may be missing from a page that was read after the cursor. Asked after the page was
    /// read: what was forgotten before that is known by now.
    async fn look_for_gap(&mut self) -> Result<(), StoreError> {
        let cut = self.feed.store().cut(self.filter.project);
        if cut <= self.known_cut || cut <= self.cursor {
            return Ok(());
        }
        self.known_cut = cut;
        let is_gap = match self.topic {
            Topic::Everything | Topic::Project(_) => true,
            Topic::Run(run) => !self.feed.store().is_whole(run).await?,
            Topic::Item(_) => false,
        };
        self.reset = is_gap.then_some(cut);
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
