//! The clock and the source of ids: the one place that knows what time it is.

#[cfg(all(feature = "planted", debug_assertions))]
pub(crate) mod simulated;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kiket_core::Timestamp;
use kiket_core::run::Moment;
#[cfg(all(feature = "planted", debug_assertions))]
use simulated::seen;
use ulid::Ulid;

/// Returns the time.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(i64::try_from(since_epoch().as_millis()).unwrap_or(i64::MAX))
}

/// Returns the time since 1970, as finely as the system has it.
pub(crate) fn since_epoch() -> Duration {
    seen(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// What of the system's clock is seen: all of it, but in tests that set theirs.
#[cfg(not(all(feature = "planted", debug_assertions)))]
const fn seen(system: Duration) -> Duration {
    system
}

/// Returns how long it is until then; nothing where that has passed.
pub(crate) fn until(time: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(time.millis().saturating_sub(now().millis())).unwrap_or(0))
}

/// Returns what core wants to know of this moment.
pub(crate) fn moment() -> Moment {
    Moment { now: now() }
}

/// Makes the unique part of an id.
pub(crate) fn ulid() -> Ulid {
    Ulid::generate()
}
