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
//! [`progress`] report and outbound [`http`]. It starts with no capability: a request for which the project
//! granted nothing answers [`http::Error::Denied`]. The host makes a fresh instance for every call, so nothing
//! kept in memory outlives one.
//!
//! This crate is not the host: what a call may do is decided there, never here.

#[doc(hidden)]
pub mod bindings;
mod call;
mod entry;
mod failure;
pub mod http;
pub mod log;
mod macros;
pub mod progress;

pub use call::Call;
pub use failure::Failure;

#[doc(hidden)]
pub mod __private {
    //! What [`plugin!`](crate::plugin) expands to; not for direct use.

    pub use crate::bindings;
    pub use crate::entry::{carry_out, refuse};
}
