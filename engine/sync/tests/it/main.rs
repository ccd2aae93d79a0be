//! Mirrors of real repositories: on disk, over smart HTTP, and hostile ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod checkout;
mod fetching;
mod harness;
mod hostile;
mod http;
mod server;
