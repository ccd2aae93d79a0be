//! What stands in for the host during a call: one world a thread.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::outcome::Sent;
use super::stage::Answer;
use crate::log::Level;

/// 2026-01-01T00:00:00Z, since 1970.
const CLOCK: Duration = Duration::from_secs(1_767_225_600);

/// Everything a call can see and change.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) clock: Duration,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) kv: BTreeMap<String, Vec<u8>>,
    pub(super) http: VecDeque<Expected>,
    pub(super) sent: Vec<Sent>,
    pub(super) log: Vec<(Level, String)>,
    pub(super) progress: Vec<(String, u64, Option<u64>)>,
}

/// A request that is expected, and its answer, if it gets one.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) answer: Option<Answer>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            clock: CLOCK,
            secrets: BTreeMap::new(),
            kv: BTreeMap::new(),
            http: VecDeque::new(),
            sent: Vec::new(),
            log: Vec::new(),
            progress: Vec::new(),
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Does something inside of a world; returns the world as it is then.
pub(super) fn inside<T>(world: World, work: impl FnOnce() -> T) -> (T, World) {
    CURRENT.set(Some(world));
    let done = work();
    (done, CURRENT.take().unwrap_or_default())
}

/// Looks at the world around, or at an empty one where there is none.
pub(super) fn with<T>(look: impl FnOnce(&mut World) -> T) -> T {
    CURRENT.with_borrow_mut(|world| match world {
        Some(world) => look(world),
        None => look(&mut World::default()),
    })
}
