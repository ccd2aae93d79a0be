//! Why a release could not be made or put live.

use crate::Failure;
use crate::bindings::kiket::plugin::deployments as host;

/// Why there is no answer. `?` turns it into the [`Failure`] that fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The app was not granted.
    #[error("{0}")]
    Denied(String),
    /// There is no such artifact or release.
    #[error("{0}")]
    NotFound(String),
    /// The app's name, the artifact or the path is not one.
    #[error("{0}")]
    Invalid(String),
    /// It could not be put there.
    #[error("{0}")]
    Failed(String),
}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        match error {
            host::Error::Denied(reason) => Self::Denied(reason),
            host::Error::NotFound(reason) => Self::NotFound(reason),
            host::Error::Invalid(reason) => Self::Invalid(reason),
            host::Error::Failed(reason) => Self::Failed(reason),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(reason) => Self::Denied(reason),
            Error::NotFound(reason) | Error::Invalid(reason) => Self::Permanent(reason),
            Error::Failed(reason) => Self::transient(reason),
        }
    }
}
