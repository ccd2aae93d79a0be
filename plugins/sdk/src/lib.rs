//! What the author of a kiket plugin imports.
//!
//! A plugin is one WebAssembly component that carries out actions for the stages of a run. An action is an
//! ordinary function from a typed input to a typed output or a [`Failure`]; [`plugin!`] makes a component of it:
//!
//! ```no_run
//! use kiket_plugin::{Call, Failure, log, plugin};
//!
//! #[derive(serde::Deserialize)]
//! struct Input {
//!     name: String,
//! }
//!
//! #[derive(serde::Serialize)]
//! struct Output {
//!     greeting: String,
//! }
//!
//! fn greet(input: Input, call: &Call) -> Result<Output, Failure> {
//!     log::info!("attempt {}", call.attempt());
//!     Ok(Output { greeting: format!("Hello {}", input.name) })
//! }
//!
//! # mod hidden { // the manifest of a plugin lies next to its `Cargo.toml`
//! # use super::*;
//! # macro_rules! plugin { ($($t:tt)*) => {} }
//! plugin! { manifest: "manifest.yaml", actions: { "run" => greet } }
//! # }
//! # fn main() {}
//! ```
//!
//! Beside its input an action has the [`Call`] (which run, which attempt, the stage's `env`), a [`log`], a
//! [`progress`] report and a [`clock`]. Everything else has to be granted by the project: outbound [`http`] and
//! [`mail`], [`secrets`], values that stay ([`kv`]), the commit's files ([`workspace`]), programs ([`process`]),
//! [`artifacts`], [`deployments`] and the project's [`items`]. A call for which nothing was granted answers that it is
//! denied; `?` makes [`Failure::Denied`] of it. The host makes a fresh instance for every call, so nothing kept in
//! memory outlives one.
//!
//! Where the types implement `schemars::JsonSchema`, the manifest need not say what goes in and what comes out: see
//! [`plugin!`]. [`testing`] calls an action in an ordinary `cargo test`.
//!
//! This crate is not the host: what a call may do is decided there, never here.

pub mod artifacts;
#[doc(hidden)]
pub mod bindings;
mod call;
pub mod clock;
pub mod deployments;
mod effect;
mod entry;
mod errors;
mod failure;
mod guard;
mod host;
pub mod http;
pub mod items;
pub mod kv;
pub mod log;
mod macros;
pub mod mail;
mod parts;
pub mod process;
pub mod progress;
mod schemas;
pub mod secrets;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod workspace;

pub use call::Call;
pub use effect::EffectState;
pub use failure::{Failure, OrFailure};
pub use guard::{Transition, Verdict};

pub mod prelude {
    //! What most plugins use: `use kiket_plugin::prelude::*;`.

    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};

    pub use crate::{Call, Failure, OrFailure, log, plugin};
}

#[doc(hidden)]
pub mod __private {
    //! What [`plugin!`](crate::plugin) expands to; not for direct use.

    pub use crate::bindings;
    pub use crate::effect::{cannot_check, check};
    pub use crate::entry::{carry_out, refuse};
    pub use crate::guard::{decide, no_guard};
    pub use crate::schemas::Described;
}
