//! Slots: how many stages may run at once in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Leave to run one stage; dropping it frees the slot.
pub(crate) type Slot = OwnedSemaphorePermit;

/// The free slots, and whether work waits in the store for one.
pub(crate) struct Slots {
    all: usize,
    free: Arc<Semaphore>,
    backlog: AtomicBool,
}

impl Slots {
    pub(crate) fn new(count: usize) -> Self {
        Self { all: count, free: Arc::new(Semaphore::new(count)), backlog: AtomicBool::new(false) }
    }

    /// How many slots there are.
    pub(crate) fn all(&self) -> usize {
        self.all
    }

    /// How many of them are free.
    pub(crate) fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// Takes a free slot if there is one.
    pub(crate) fn take(&self) -> Option<Slot> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    /// Waits for a free slot.
    pub(crate) async fn wait(&self) -> Slot {
        Arc::clone(&self.free).acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Tells whether work waits in the store for a slot.
    pub(crate) fn has_backlog(&self) -> bool {
        self.backlog.load(Ordering::Relaxed)
    }

    /// Notes whether work waits in the store.
    pub(crate) fn set_backlog(&self, waits: bool) {
        self.backlog.store(waits, Ordering::Relaxed);
    }
}
