//! Why an item could not be seen or changed.

use crate::Failure;
use crate::bindings::kiket::plugin::items as host;

/// Why there is no answer. `?` turns it into the [`Failure`] that fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The scope was not granted.
    #[error("{0}")]
    Denied(String),
    /// The project has no such item.
    #[error("{0}")]
    NotFound(String),
    /// The input is not what is taken.
    #[error("{0}")]
    Invalid(String),
    /// The item refuses: every reason.
    #[error("the item refuses: {}", .0.join("; "))]
    Refused(Vec<String>),
}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        match error {
            host::Error::Denied(reason) => Self::Denied(reason),
            host::Error::NotFound(reason) => Self::NotFound(reason),
            host::Error::Invalid(reason) => Self::Invalid(reason),
            host::Error::Refused(reasons) => Self::Refused(reasons),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Denied(_) => Self::Denied(message),
            Error::NotFound(_) | Error::Invalid(_) | Error::Refused(_) => Self::Permanent(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_every_reason() {
        let failure = Failure::from(Error::Refused(vec!["no assignee".into(), "the severity is missing".into()]));
        assert_eq!(failure, Failure::permanent("the item refuses: no assignee; the severity is missing"));
    }
}
