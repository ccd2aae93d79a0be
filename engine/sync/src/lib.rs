//! The definitions of a project as they stand in its Git repository at one commit.
//!
//! The only crate that knows Git. A [`Mirror`] is a bare copy of one remote
//! repository; it fetches branches and commits, and reads files out of them. It
//! is a cache: whatever it holds can be fetched again.
//!
//! What holds for every repository, however hostile:
//!
//! 1. There is no index, no hook, no filter, no submodule. Names that come from a
//!    repository become paths on this machine in one place only, [`Mirror::checkout`],
//!    which writes into a folder that it makes, and never through a link.
//! 2. Links are reported and never followed; a checkout makes those that stay inside.
//! 3. Every read has a budget ([`Limits`]), and an exceeded one is a typed error.
//! 4. Over HTTP the Git library only ever talks to a gate of ours on the loopback
//!    interface, which speaks TLS, reaches one host, counts the bytes and keeps
//!    the deadline.
//! 5. The Git configuration of the user and of the machine has no say.
//!
//! Every call blocks: run it where blocking is allowed.

mod branch;
mod budget;
mod changes;
mod checkout;
mod commit_id;
mod error;
mod gate;
mod limits;
mod link;
mod message;
mod mirror;
mod passage;
mod remote_url;
mod settle;
mod sources;
mod transfer;
mod tree;

pub use branch::is_branch_name;
pub use checkout::{Checkout, CheckoutLimits};
pub use commit_id::{CommitId, InvalidCommitId};
pub use error::SyncError;
pub use limits::Limits;
pub use link::stays_inside;
pub use mirror::{Mirror, Tip};
pub use remote_url::{InvalidRemoteUrl, RemoteUrl};
pub use sources::{Skip, Skipped, Sources};
