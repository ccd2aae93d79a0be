//! Why a program did not run.

use crate::Failure;
use crate::bindings::kiket::plugin::process as host;

/// Why a program did not run. `?` turns it into the [`Failure`] that fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program was not granted.
    #[error("{0}")]
    Denied(String),
    /// There is no such program on this system.
    #[error("{0}")]
    NotFound(String),
    /// An argument, the folder or a variable is not one.
    #[error("{0}")]
    Invalid(String),
    /// This system cannot hold a program in a jail; the text says what is missing.
    #[error("{0}")]
    Unavailable(String),
    /// It could not be started.
    #[error("{0}")]
    Failed(String),
}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        match error {
            host::Error::Denied(reason) => Self::Denied(reason),
            host::Error::NotFound(reason) => Self::NotFound(reason),
            host::Error::Invalid(reason) => Self::Invalid(reason),
            host::Error::Unavailable(reason) => Self::Unavailable(reason),
            host::Error::Failed(reason) => Self::Failed(reason),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(reason) => Self::Denied(reason),
            Error::Invalid(reason) => Self::InvalidInput(reason),
            Error::NotFound(reason) | Error::Unavailable(reason) => Self::Permanent(reason),
            Error::Failed(reason) => Self::transient(reason),
        }
    }
}
