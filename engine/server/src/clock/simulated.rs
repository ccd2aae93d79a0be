//! A clock that is set, for tests: by the test itself within its process, or by a file in that of a server.
//!
//! Only debug builds with the feature `planted` have it. What a test sets is its thread's own; the system's clock counts
//! on a thread until then. Putting it forward or back moves no timer of tokio: those go by how long something takes, this
//! one by what time it is said to be.

use std::sync::OnceLock;
use std::time::Duration;

#[cfg(test)]
pub(crate) use own::{advance, set, stand, unset};

/// Returns the time since 1970: the system's, unless the clock was set.
pub(super) fn seen(system: Duration) -> Duration {
    #[cfg(test)]
    if let Some(time) = own::since_epoch() {
        return time;
    }
    from_file(system).unwrap_or(system)
}

/// By how many milliseconds the system's clock is said to be wrong, in the file that `KIKET_CLOCK` names.
fn from_file(system: Duration) -> Option<Duration> {
    static FILE: OnceLock<Option<std::ffi::OsString>> = OnceLock::new();
    let file = FILE.get_or_init(|| std::env::var_os("KIKET_CLOCK")).as_ref()?;
    // The file is put in place whole, and read again each time.
    let offset: i64 = std::fs::read_to_string(file).ok()?.trim().parse().ok()?;
    let by = Duration::from_millis(offset.unsigned_abs());
    Some(if offset < 0 { system.saturating_sub(by) } else { system.saturating_add(by) })
}

#[cfg(test)]
mod own {
    use std::cell::Cell;
    use std::time::Duration;

    use kiket_core::Timestamp;
    use tokio::time::Instant;

    thread_local! {
        /// The time since 1970 in milliseconds; where it goes on, as of an instant.
        static CLOCK: Cell<Option<(i64, Option<Instant>)>> = const { Cell::new(None) };
    }

    /// Sets the clock of this thread, which goes on with tokio's.
    pub(crate) fn set(time: Timestamp) {
        CLOCK.set(Some((time.millis(), Some(Instant::now()))));
    }

    /// Sets the clock of this thread, which stands still.
    pub(crate) fn stand(time: Timestamp) {
        CLOCK.set(Some((time.millis(), None)));
    }

    /// Puts the clock forward by so many milliseconds, or back.
    pub(crate) fn advance(millis: i64) {
        CLOCK.set(CLOCK.get().map(|(time, then)| (time + millis, then)));
    }

    /// Gives this thread the system's clock again.
    pub(crate) fn unset() {
        CLOCK.set(None);
    }

    pub(super) fn since_epoch() -> Option<Duration> {
        let (time, then) = CLOCK.get()?;
        let gone = then.map(|then| then.elapsed()).unwrap_or_default();
        Some(Duration::from_millis(u64::try_from(time).unwrap_or_default()) + gone)
    }
}
