//! The newest part of the log, encoded once for everybody who follows it.
//!
//! One task reads the log while anybody subscribes and puts each entry, as the block of a stream that it goes out as,
//! into a ring of bounded size. A subscriber is a cursor: inside the ring it takes what is there, and behind it, it
//! reads the store by itself. The ring is a cache and nothing rests on it.
//!
//! Invariants: every entry that ever was after `after` and up to `head` is in the ring, in order; whoever subscribes to a topic is
//! woken after a frame of that topic is in the ring.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kiket_core::{ItemId, ProjectId, RunId};
use kiket_store::{Filter, Position, Store, StoreError};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::POLL;
use super::frame::{Encoder, Frame};

/// How many bytes of blocks the ring keeps. Below it are the last ten thousand events or more, or the last hundred
/// pieces of logs.
const RING_BYTES: usize = 8 * 1024 * 1024;
/// How many entries one read takes.
const PAGE: u32 = 64;
/// How many subscribers are woken at once. Others have their turn before the next so many; what is committed meanwhile
/// goes out with the next wake-up, so a crowd that is slow to serve is served less often and not less.
const CROWD: usize = 64;

/// What can be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    Everything,
    Project(ProjectId),
    Run(RunId),
    Item(ItemId),
}

/// The ring, and who waits for it.
pub(crate) struct Feed {
    store: Store,
    shared: Mutex<Shared>,
}

struct Shared {
    frames: VecDeque<Arc<Frame>>,
    /// The blocks of all of them together.
    bytes: usize,
    after: Position,
    head: Position,
    /// Who follows, in crowds that are woken together.
    topics: HashMap<Topic, Vec<watch::Sender<()>>>,
}

/// What the ring has for a cursor.
pub(super) enum Found {
    /// The next frame.
    Frame(Arc<Frame>),
    /// None up to this position.
    NothingUpTo(Position),
    /// The cursor is behind what the ring keeps.
    Behind,
}

impl Feed {
    /// Makes an empty feed; it moves once somebody [follows](Feed::follow_store) the store for it.
    pub(crate) fn new(store: Store) -> Self {
        let head = *store.head().borrow();
        let topics = HashMap::new();
        let shared = Shared { frames: VecDeque::new(), bytes: 0, after: head, head, topics };
        Self { store, shared: Mutex::new(shared) }
    }

    /// Moves with the store until the shutdown.
    pub(crate) async fn follow_store(self: Arc<Self>, shutdown: CancellationToken) {
        let mut committed = self.store.head();
        let mut encoder = Encoder::default();
        loop {
            let head = *committed.borrow_and_update();
            match self.read(head, &mut encoder).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, "event streams end because the log cannot be read");
                    self.shared().topics.clear();
                }
            }
            tokio::select! {
                changed = timeout(POLL, committed.changed()) => if let Ok(Err(_)) = changed { break },
                () = shutdown.cancelled() => break,
            }
        }
        self.shared().topics.clear();
    }

    /// Takes one page from the store; answers whether there may be more. While nobody subscribes nothing is read.
    async fn read(&self, head: Position, encoder: &mut Encoder) -> Result<bool, StoreError> {
        let Some(after) = self.shared().wanted(head) else { return Ok(false) };
        let entries = self.store.tail(after, &Filter::default(), PAGE).await?;
        let frames = encoder.encode(&self.store, entries).await?;
        if frames.is_empty() {
            return Ok(false);
        }
        // What was forgotten before it was read is missing here: whoever follows finds that out by itself.
        let is_whole = self.store.cut(None) <= after;
        let woken = self.shared().add(frames, is_whole);
        for crowd in woken {
            crowd.send_replace(());
            tokio::task::yield_now().await;
        }
        Ok(true)
    }

    /// Begins to follow a topic: what comes after this call wakes the receiver. It is closed when the log cannot be
    /// read.
    pub(super) fn subscribe(&self, topic: Topic) -> watch::Receiver<()> {
        let mut shared = self.shared();
        let crowds = shared.topics.entry(topic).or_default();
        if let Some(crowd) = crowds.iter().find(|crowd| crowd.receiver_count() < CROWD) {
            return crowd.subscribe();
        }
        let crowd = watch::Sender::new(());
        let receiver = crowd.subscribe();
        crowds.push(crowd);
        receiver
    }

    /// Forgets a crowd that nobody is in any more, and a topic that nobody follows. The receiver goes while the door is
    /// shut, so that of the last two who leave one is the last.
    pub(super) fn leave(&self, topic: Topic, receiver: watch::Receiver<()>) {
        let mut shared = self.shared();
        drop(receiver);
        if let Some(crowds) = shared.topics.get_mut(&topic) {
            crowds.retain(|crowd| crowd.receiver_count() > 0);
            if crowds.is_empty() {
                shared.topics.remove(&topic);
            }
        }
    }

    /// Looks for the first frame after a position that passes.
    pub(super) fn after(&self, cursor: Position, passes: impl Fn(&Frame) -> bool) -> Found {
        let shared = self.shared();
        if cursor < shared.after {
            return Found::Behind;
        }
        let seen = shared.frames.partition_point(|frame| frame.position <= cursor);
        let frame = shared.frames.range(seen..).find(|frame| passes(frame));
        frame.map_or(Found::NothingUpTo(shared.head), |frame| Found::Frame(Arc::clone(frame)))
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Where to read on, if anybody wants it; else the ring is emptied and goes on at `head`.
    fn wanted(&mut self, head: Position) -> Option<Position> {
        if self.topics.is_empty() {
            self.frames = VecDeque::new();
            self.bytes = 0;
            self.head = self.head.max(head);
            self.after = self.head;
            return None;
        }
        Some(self.head)
    }

    /// Puts frames into the ring and drops the oldest for them; answers who waits for any of them.
    /// Without frames in between, those that are there are of no use.
    fn add(&mut self, frames: Vec<Arc<Frame>>, is_whole: bool) -> Vec<watch::Sender<()>> {
        let mut topics = HashSet::from([Topic::Everything]);
        for frame in frames {
            topics.insert(Topic::Project(frame.project));
            topics.extend(frame.run.map(Topic::Run));
            topics.extend(frame.item.map(Topic::Item));
            self.head = frame.position;
            self.bytes += frame.block.len();
            self.frames.push_back(frame);
        }
        let most = if is_whole { RING_BYTES } else { 0 };
        while self.bytes > most
            && let Some(oldest) = self.frames.pop_front()
        {
            self.bytes -= oldest.block.len();
            self.after = oldest.position;
        }
        topics.iter().filter_map(|topic| self.topics.get(topic)).flatten().cloned().collect()
    }
}
