//! The kiket server and its command line: wiring, driver, API, event streams.
//!
//! The only crate that serves, schedules or asks what time it is. What calls what:
//!
//! ```text
//! main → cli → app → { api, driver, publish } → items → { dispatch, events } → { revisions, plugins } → store, host, sync, core
//! ```
//!
//! Siblings in braces never import each other, but that `api` asks `publish` for a sync by hand; they meet in the store.

mod api;
pub mod app;
mod bundled;
pub mod cli;
mod clock;
pub mod config;
mod dispatch;
mod driver;
mod events;
mod items;
mod plugins;
mod publish;
mod revisions;
mod token;
