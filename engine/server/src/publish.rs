//! From a delivery or a time to runs: fetch, compile, publish or reject, start what `on` names.
//!
//! A delivery is a row of work; acting on it twice changes nothing more. What a
//! payload says is a prompt to look: the commit comes from the project's own URL.

mod compiled;
mod delivery;
mod fetch;
mod levels;
mod schedule;
mod start;
mod stranger;
mod submit;
mod sync;
mod tick;

pub(crate) use delivery::run;
pub use levels::GitSource;
pub(crate) use schedule::look_now_and_then;
pub(crate) use submit::SubmitFailure;
pub(crate) use sync::{Publisher, SyncFailure};
pub(crate) use tick::start_in_time;
