//! The kiket server and its command line: wiring, driver, API, event streams.
//!
//! The only crate that serves, schedules or asks what time it is. What calls what:
//!
//! ```text
//! main → cli → app → { api, driver, publish } → items → { dispatch, events }
//!      → { deployments, revisions, plugins, grants, workspaces, artifacts, programs, secrets, env } → { vault, mask }
//!      → store, host, sync, jail, core
//! ```
//!
//! Siblings in braces never import each other, but that `api` asks `publish` for a sync by hand; they meet in the store.

mod api;
pub mod app;
mod artifacts;
mod backup;
mod bundled;
pub mod cli;
mod clock;
mod compiler;
pub mod config;
mod dead_letters;
mod deployments;
mod dispatch;
mod doctor;
mod driver;
mod due;
mod env;
mod events;
mod folders;
mod forge;
mod grants;
pub mod invariants;
mod items;
mod ledger;
mod mask;
mod metrics;
mod mirrors;
mod plugins;
mod programs;
mod publish;
mod refusal;
mod retention;
mod revisions;
mod scope;
mod secrets;
#[cfg(test)]
mod simulation;
mod statuses;
mod telemetry;
mod token;
mod turns;
mod vault;
mod workspaces;
