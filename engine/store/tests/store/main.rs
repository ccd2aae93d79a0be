//! The store as its callers see it, on real files.

mod checks;
mod deliveries;
mod failures;
mod harness;
mod items;
mod log;
mod migration;
mod opening;
mod revisions;
mod runs;
mod units;
mod waits;
mod work;
