//! From a delivery to runs: fetch, compile, publish or reject, start what `on` names.
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

pub(crate) use delivery::run;
pub use levels::GitSource;
pub(crate) use schedule::Schedule;
pub(crate) use submit::SubmitFailure;
pub(crate) use sync::{Publisher, SyncFailure};
