//! How the C library hands out memory to a server.
//!
//! Left to itself, glibc takes the largest block that was ever freed for a sign that such
//! blocks come and go, and keeps their room from then on, for each of many threads apart:
//! a server that once read some components stays as large as all of them. It can be told
//! to give large blocks back at once, but only by its environment, and only before it
//! starts.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// What glibc reads: blocks of this many bytes and more are the system's own again when they are freed.
const THRESHOLD: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "262144");

/// Starts this process again, as it was started, with an environment that says so. Returns
/// where it says so already, or where starting again is not to be had.
pub(crate) fn give_back_large_blocks() {
    let (name, value) = THRESHOLD;
    if std::env::var_os(name).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // It returns only where it fails, and then the server goes on with the allocator as it is.
    let _ = again.args(arguments).env(name, value).exec();
}
