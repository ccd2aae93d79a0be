//! The border between a running guest and the engine.
//!
//! Whatever a guest asks for that reaches beyond its own memory goes through
//! [`HostCalls`], as plain values that can be serialised: the component may run
//! in the server's process or in a runner of its own behind a socket, and
//! neither side could tell. Capabilities, counts and sizes were checked before a
//! request gets here; the side that answers need not check them again.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// What the engine does for a guest while it runs.
///
/// Waiting in these functions costs the guest wall time, never CPU time. The
/// future is dropped when the call's wall time is over or its caller goes away.
#[async_trait]
pub trait HostCalls: Send + Sync + 'static {
    /// Takes one line of the stage's log.
    ///
    /// # Errors
    /// Ends the call with the code `lost`.
    async fn log(&self, line: LogLine) -> Result<(), HostCallError>;

    /// Takes a progress report; only the newest matters.
    ///
    /// # Errors
    /// Ends the call with the code `lost`.
    async fn progress(&self, report: Progress) -> Result<(), HostCallError>;

    /// Sends a granted request; `permit` says how far the grant reaches and has
    /// to travel with the request to whoever connects.
    ///
    /// # Errors
    /// The guest sees every error but [`HttpError::Lost`], which ends the call
    /// with the code `lost`.
    async fn http(&self, request: HttpRequest, permit: Permit) -> Result<HttpResponse, HttpError>;
}

/// The engine will not serve this call any longer, for instance because the
/// lease of its stage went to another worker. Ends the call; the guest is not asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct HostCallError {
    /// Why, in a sentence.
    pub message: String,
}

impl HostCallError {
    /// An error with this message.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Details for whoever debugs the plugin.
    Debug,
    /// Ordinary output; also what a guest writes to stdout.
    Info,
    /// Something a person should look at; also what a guest writes to stderr.
    Warn,
    /// Something failed.
    Error,
}

/// One line of a stage's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// The text, without a line break. It comes from the guest as it is:
    /// terminal sequences and markup are for whoever shows it to escape.
    pub text: String,
}

/// How far a stage has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done, in a few words.
    pub message: String,
    /// How many units are done.
    pub done: u64,
    /// How many units there are, where that is known.
    pub total: Option<u64>,
}

/// An outbound request that a grant covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// The method, upper case.
    pub method: String,
    /// The URL as it was parsed for the check, written out again: whoever parses
    /// it later sees the host that was checked.
    pub url: String,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

/// A response, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Headers in order; values that are not UTF-8 are left out.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// How far a grant lets one request reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permit {
    /// Whether the grant lists the host exactly, which is what private
    /// addresses need.
    pub allow_private: bool,
    /// Largest response body, in bytes.
    pub response_bytes: usize,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum HttpError {
    /// No grant covers the request, or the host's address is not public.
    #[error("{0}")]
    Denied(String),
    /// The request is malformed.
    #[error("{0}")]
    InvalidRequest(String),
    /// The name did not resolve, or the connection failed.
    #[error("{0}")]
    Unreachable(String),
    /// The other side did not answer in time.
    #[error("no complete answer in time")]
    TimedOut,
    /// The response is larger than the permit allows.
    #[error("the response is too large")]
    ResponseTooLarge,
    /// The engine will not serve this call any longer; the guest never sees this.
    #[error(transparent)]
    Lost(#[from] HostCallError),
}
