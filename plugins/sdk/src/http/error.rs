//! Why a request got no response.

use std::fmt;

use crate::bindings::kiket::plugin::http as host;

/// Why a request got no response. `?` turns it into the [`Failure`](crate::Failure) that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No grant covers this request; the text names what is missing.
    Denied(String),
    /// The request is malformed.
    InvalidRequest(String),
    /// The name did not resolve, or the connection failed.
    Unreachable(String),
    /// The other side did not answer in time.
    TimedOut,
    /// The response is larger than 32 MiB.
    ResponseTooLarge,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(reason) => f.write_str(reason),
            Self::InvalidRequest(reason) => write!(f, "the request is malformed: {reason}"),
            Self::Unreachable(reason) => write!(f, "the other side is unreachable: {reason}"),
            Self::TimedOut => f.write_str("the other side did not answer in time"),
            Self::ResponseTooLarge => f.write_str("the response is larger than 32 MiB"),
        }
    }
}

impl std::error::Error for Error {}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        match error {
            host::Error::Denied(reason) => Self::Denied(reason),
            host::Error::InvalidRequest(reason) => Self::InvalidRequest(reason),
            host::Error::Unreachable(reason) => Self::Unreachable(reason),
            host::Error::TimedOut => Self::TimedOut,
            host::Error::ResponseTooLarge => Self::ResponseTooLarge,
        }
    }
}
