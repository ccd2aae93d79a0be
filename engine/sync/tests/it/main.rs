//! Mirrors of real repositories: on disk, over smart HTTP, and hostile ones.

mod fetching;
mod harness;
mod hostile;
mod http;
mod server;
