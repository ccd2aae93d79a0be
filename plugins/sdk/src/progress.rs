//! How far the stage has come, for people who watch: no grant is needed.

use crate::host::progress as host;

/// Reports that `done` units are finished, of `total` where that is known; `message` says in a few words what is
/// being done. Only the newest report matters: the host may drop earlier ones that come in quick succession.
///
/// ```no_run
/// # use kiket_plugin::progress;
/// progress::report("compressing", 3, 10);
/// progress::report("reading the queue", 128, None);
/// ```
pub fn report(message: &str, done: u64, total: impl Into<Option<u64>>) {
    host::report(&host::Status { message: message.to_owned(), done, total: total.into() });
}
