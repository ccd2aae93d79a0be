//! Why a value could not be read or kept.

use crate::Failure;
use crate::bindings::kiket::plugin::kv as host;

/// Why there is no answer. `?` turns it into the [`Failure`] that fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The capability was not granted.
    #[error("{0}")]
    Denied(String),
    /// The key or the value is not one.
    #[error("{0}")]
    Invalid(String),
    /// There would be more than the granted quota, keys and values together.
    #[error("{0}")]
    OverQuota(String),
    /// The value is not the JSON that was asked for, or has no JSON form.
    #[error("{0}")]
    NotJson(String),
}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        match error {
            host::Error::Denied(reason) => Self::Denied(reason),
            host::Error::Invalid(reason) => Self::Invalid(reason),
            host::Error::OverQuota(reason) => Self::OverQuota(reason),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(reason) => Self::Denied(reason),
            Error::Invalid(reason) | Error::OverQuota(reason) | Error::NotJson(reason) => Self::Permanent(reason),
        }
    }
}
