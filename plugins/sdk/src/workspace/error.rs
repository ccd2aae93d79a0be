//! Why the workspace did not do it.

use crate::Failure;
use crate::bindings::kiket::plugin::workspace as host;

/// Why there is no answer. `?` turns it into the [`Failure`] that fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The capability, or writing, was not granted; or the run has no commit.
    #[error("{0}")]
    Denied(String),
    /// There is nothing at that path.
    #[error("{0}")]
    NotFound(String),
    /// The path leads out, or is not what the function takes.
    #[error("{0}")]
    Invalid(String),
    /// There would be more than the granted quota.
    #[error("{0}")]
    OverQuota(String),
    /// The disk refused.
    #[error("{0}")]
    Failed(String),
}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        match error {
            host::Error::Denied(reason) => Self::Denied(reason),
            host::Error::NotFound(reason) => Self::NotFound(reason),
            host::Error::Invalid(reason) => Self::Invalid(reason),
            host::Error::OverQuota(reason) => Self::OverQuota(reason),
            host::Error::Failed(reason) => Self::Failed(reason),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(reason) => Self::Denied(reason),
            Error::NotFound(reason) | Error::Invalid(reason) | Error::OverQuota(reason) => Self::Permanent(reason),
            Error::Failed(reason) => Self::transient(reason),
        }
    }
}
