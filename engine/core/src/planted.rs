//! Bugs on purpose: what the tests of reliability have to catch.
//!
//! Each is a place in the code that does the wrong thing once it is planted. They exist only in debug builds with the
//! feature `planted`, which nothing but the workspace's own tests turns on; in every other build [`planted`] is a
//! constant `false` and the wrong branch is not even compiled in. One process has one set of planted bugs.

macro_rules! bugs {
    ($($(#[doc = $text:literal])+ $bug:ident = $name:literal,)+) => {
        /// A bug that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Bug { $($(#[doc = $text])+ $bug,)+ }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug),+];

            /// Its name, as the environment variable `KIKET_PLANTED` has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$bug => $name),+ }
            }

            /// What goes wrong, in one sentence.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self { $(Self::$bug => concat!($($text),+).trim_ascii()),+ }
            }
        }
    };
}

bugs! {
    /// A unit is answered for before it is committed.
    AcknowledgedBeforeCommit = "acknowledged-before-commit",
    /// A commit does not wait for the disk.
    CommitWithoutSync = "commit-without-sync",
    /// Work is committed by whoever held it once, whoever holds it now.
    FenceNotChecked = "fence-not-checked",
    /// An effect is carried out and its receipt is not kept.
    ReceiptSkipped = "receipt-skipped",
    /// An effect that may happen only once is done again after a crash, and nobody is asked.
    OnceRetried = "once-retried",
    /// Readied work wakes nobody, and nobody looks for it either.
    WakeUpLost = "wake-up-lost",
    /// A timer is due a moment before its time.
    TimerEarly = "timer-early",
    /// A timer that came due while nobody was there is forgotten.
    TimerForgotten = "timer-forgotten",
    /// A tick of a schedule starts a second run when it is looked at again.
    TickTwice = "tick-twice",
    /// Going on from a failed run does finished stages again.
    FinishedStageRerun = "finished-stage-rerun",
    /// An attempt that was superseded still has its outcome taken.
    OldOutcomeTaken = "old-outcome-taken",
    /// A stage that is to be tried again gets no work row.
    RetryWithoutWork = "retry-without-work",
    /// The same cause starts a second run.
    TriggerKeyIgnored = "trigger-key-ignored",
    /// The number of an event is left out.
    GapInSequence = "gap-in-sequence",
    /// The log has an event that the state does not know.
    StateNotAdvanced = "state-not-advanced",
    /// Leases of work that is under way are not renewed.
    LeaseNotRenewed = "lease-not-renewed",
    /// Subscribers hear of an event that is not committed yet.
    HeardBeforeCommit = "heard-before-commit",
    /// A commit leaves out the hold that it rests on.
    HoldLeftOut = "hold-left-out",
    /// Work that was handed to a slot waits to be claimed as well.
    DoubleHandOver = "double-hand-over",
    /// The slot of an attempt that was stopped is never free again.
    SlotLost = "slot-lost",
    /// Retention deletes a run that has not ended.
    OpenRunDeleted = "open-run-deleted",
}

#[cfg(all(feature = "planted", debug_assertions))]
mod live {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Bug;

    static PLANTED: AtomicU64 = AtomicU64::new(0);

    /// Plants a bug in this process.
    pub fn plant(bug: Bug) {
        PLANTED.fetch_or(1 << bug as u64, Ordering::SeqCst);
    }

    /// Takes all planted bugs out again.
    pub fn weed() {
        PLANTED.store(0, Ordering::SeqCst);
    }

    /// Tells whether the bug is planted in this process.
    #[must_use]
    pub fn planted(bug: Bug) -> bool {
        PLANTED.load(Ordering::Relaxed) & (1 << bug as u64) != 0
    }
}

#[cfg(all(feature = "planted", debug_assertions))]
pub use live::{plant, planted, weed};

/// Tells whether the bug is planted in this process: never, in this build.
#[cfg(not(all(feature = "planted", debug_assertions)))]
#[must_use]
#[inline(always)]
pub const fn planted(_: Bug) -> bool {
    false
}
