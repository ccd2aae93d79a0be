//! Calls an action in an ordinary `cargo test`, without a sandbox.
//!
//! ```
//! use kiket_plugin::testing::{Answer, Stage};
//! use kiket_plugin::{Call, Failure, http, log};
//! use serde_json::json;
//!
//! fn publish(input: serde_json::Value, call: &Call) -> Result<serde_json::Value, Failure> {
//!     log::info!("publishing in {}", call.env("REGION").unwrap_or("no region"));
//!     let answer = http::post("https://api.example.com/posts").json(&input).send()?.error_for_status()?;
//!     Ok(json!({ "id": answer.json::<u64>()? }))
//! }
//!
//! let done = Stage::new()
//!     .env("REGION", "eu")
//!     .http("POST", "https://api.example.com/posts", Answer::new(201).body("7"))
//!     .call(publish, json!({ "title": "News" }));
//! assert_eq!(done.output(), json!({ "id": 7 }));
//! assert_eq!(done.log(), ["publishing in eu"]);
//! assert_eq!(done.requests()[0].json(), json!({ "title": "News" }));
//! ```
//!
//! What is set up is granted: requests get the answers of the test in their order, and one that the test does not
//! expect ends it; values are kept in memory; a secret that was given may be used in every way. What the sandbox has
//! beyond that (workspaces, artifacts, programs, items, e-mail, sites) answers that it is denied. Grants, limits and
//! schemas are not looked at here: cases for `kiket plugin test` run on the real host.

pub(crate) mod host;
mod outcome;
mod stage;
mod world;

pub use outcome::{Outcome, Sent};
pub use stage::{Answer, Stage};

#[cfg(test)]
mod tests;
