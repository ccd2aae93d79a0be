//! Why a message was not sent.

use crate::Failure;
use crate::bindings::kiket::plugin::mail as host;

/// Why it was not sent. `?` turns it into the [`Failure`] that fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No grant covers this server, or a placeholder in the password.
    #[error("{0}")]
    Denied(String),
    /// An address or a header is malformed.
    #[error("the message is malformed: {0}")]
    Invalid(String),
    /// The server refuses it for good.
    #[error("the mail server refuses: {0}")]
    Rejected(String),
    /// The server refuses it for now, cannot be reached or breaks off.
    #[error("the mail server is unreachable: {0}")]
    Unreachable(String),
    /// The server did not answer in time.
    #[error("the mail server did not answer in time")]
    TimedOut,
}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        match error {
            host::Error::Denied(reason) => Self::Denied(reason),
            host::Error::Invalid(reason) => Self::Invalid(reason),
            host::Error::Rejected(reason) => Self::Rejected(reason),
            host::Error::Unreachable(reason) => Self::Unreachable(reason),
            host::Error::TimedOut => Self::TimedOut,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Denied(_) => Self::Denied(message),
            Error::Invalid(_) => Self::InvalidInput(message),
            Error::Rejected(_) => Self::Permanent(message),
            Error::Unreachable(_) | Error::TimedOut => Self::transient(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_that_may_recover_is_tried_again() {
        let failure = Failure::from(Error::Unreachable("451 try later".into()));
        assert_eq!(failure, Failure::transient("the mail server is unreachable: 451 try later"));
        assert!(matches!(Failure::from(Error::TimedOut), Failure::Transient { .. }));
        assert!(matches!(Failure::from(Error::Rejected("550 no such user".into())), Failure::Permanent(_)));
    }
}
