//! A clock for tests: it goes with tokio's, which a test may pause, and can be put forward and back.
//!
//! It is a thread's own, and the system's clock counts on a thread until it was [`set`]. Putting it forward or back
//! moves no timer of tokio: those go by how long something takes, this one by what time it is said to be.

use std::cell::Cell;
use std::time::Duration;

use kiket_core::Timestamp;
use tokio::time::Instant;

thread_local! {
    /// The time since 1970 in milliseconds at some instant.
    static CLOCK: Cell<Option<(i64, Instant)>> = const { Cell::new(None) };
}

/// Sets the clock of this thread.
pub(crate) fn set(time: Timestamp) {
    CLOCK.set(Some((time.millis(), Instant::now())));
}

/// Puts the clock forward by so many milliseconds, or back.
pub(crate) fn advance(millis: i64) {
    CLOCK.set(CLOCK.get().map(|(time, then)| (time + millis, then)));
}

/// Returns the time since 1970, where the clock was set.
pub(super) fn since_epoch() -> Option<Duration> {
    let (time, then) = CLOCK.get()?;
    Some(Duration::from_millis(u64::try_from(time).unwrap_or_default()) + then.elapsed())
}

/// Gives this thread the system's clock again.
pub(crate) fn unset() {
    CLOCK.set(None);
}
