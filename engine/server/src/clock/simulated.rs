//! A clock that is set, for tests: by the test itself within its process, or by a file in that of a server.
//!
//! Only debug builds with the feature `planted` have it. A clock that is set within the process stands still until it is
//! set again, and belongs to the whole process.

use std::sync::OnceLock;
use std::time::Duration;

#[cfg(test)]
static SET: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(i64::MIN);

/// Sets the clock of this process, in milliseconds since 1970.
#[cfg(test)]
pub(crate) fn set(millis: i64) {
    SET.store(millis, std::sync::atomic::Ordering::SeqCst);
}

/// Lets the clock of this process go on; it must have been set.
#[cfg(test)]
pub(crate) fn advance(by: Duration) {
    let millis = i64::try_from(by.as_millis()).expect("tests last less than that");
    SET.fetch_add(millis, std::sync::atomic::Ordering::SeqCst);
}

/// Returns the time since 1970: the system's, unless the clock was set.
pub(super) fn seen(system: Duration) -> Duration {
    #[cfg(test)]
    match SET.load(std::sync::atomic::Ordering::SeqCst) {
        i64::MIN => {}
        millis => return Duration::from_millis(millis.unsigned_abs()),
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
