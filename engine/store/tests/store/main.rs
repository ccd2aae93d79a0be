//! The store as its callers see it, on real files.

mod artifacts;
mod checks;
mod deliveries;
mod deployments;
mod failures;
mod forgetting;
mod harness;
mod items;
mod letters;
mod log;
mod migration;
mod opening;
mod planted;
mod revisions;
mod runs;
mod schedules;
mod settings;
mod sync;
mod units;
mod values;
mod waits;
mod wal;
mod work;
