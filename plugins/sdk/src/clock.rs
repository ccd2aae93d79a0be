//! The time. No grant is needed.
//!
//! What is read is noted: a call that is repeated after a crash reads the same times as far as it had come.
//! `SystemTime::now()` reads the same clock.
//!
//! ```no_run
//! # use kiket_plugin::{clock, log};
//! log::info!("{} seconds since 1970", clock::unix_seconds());
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::host::clock as host;

/// The time now, to the millisecond.
pub fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(unix_millis())
}

/// Milliseconds since 1970-01-01T00:00:00Z.
pub fn unix_millis() -> u64 {
    host::now()
}

/// Whole seconds since 1970-01-01T00:00:00Z.
pub fn unix_seconds() -> u64 {
    unix_millis() / 1_000
}
