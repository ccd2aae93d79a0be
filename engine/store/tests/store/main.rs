//! The store as its callers see it, on real files.

mod checks;
mod deliveries;
mod failures;
mod harness;
mod log;
mod opening;
mod revisions;
mod runs;
mod units;
mod work;
