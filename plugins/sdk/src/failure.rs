//! Why an action did not succeed. The variant decides what the engine does next; the text is for people.

mod convert;

use std::fmt;
use std::time::Duration;

use crate::bindings::kiket::plugin::types;
use crate::http;

pub use convert::OrFailure;

/// Why an action did not succeed.
///
/// Only the variant decides whether the engine tries again; no text is ever looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The input is not what the action takes: the same call fails again.
    InvalidInput(String),
    /// Trying again may help.
    Transient {
        /// What happened, in a sentence.
        message: String,
        /// How long to wait at least before the next attempt.
        retry_after: Option<Duration>,
    },
    /// Trying again will not help.
    Permanent(String),
    /// The action needs something the project has not granted.
    Denied(String),
}

impl Failure {
    /// The input is not what the action takes.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::InvalidInput(message.into())
    }

    /// Trying again may help; [`retry_after`](Self::retry_after) says when.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::Transient { message: message.into(), retry_after: None }
    }

    /// Trying again will not help.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::Permanent(message.into())
    }

    /// The action needs something the project has not granted.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::Denied(message.into())
    }

    /// Sets how long to wait at least before the next attempt. Changes nothing but a transient failure.
    #[must_use]
    pub fn retry_after(mut self, wait: impl Into<Option<Duration>>) -> Self {
        if let Self::Transient { retry_after, .. } = &mut self {
            *retry_after = wait.into();
        }
        self
    }

    /// The same with other words.
    fn saying(self, words: String) -> Self {
        match self {
            Self::InvalidInput(_) => Self::InvalidInput(words),
            Self::Permanent(_) => Self::Permanent(words),
            Self::Denied(_) => Self::Denied(words),
            Self::Transient { retry_after, .. } => Self::Transient { message: words, retry_after },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidInput(message) | Self::Permanent(message) | Self::Denied(message) => f.write_str(message),
            Self::Transient { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for Failure {}

/// A request that got no response: worth another attempt where the network may be to blame.
impl From<http::Error> for Failure {
    fn from(error: http::Error) -> Self {
        let message = error.to_string();
        match error {
            http::Error::Denied(_) => Self::Denied(message),
            http::Error::InvalidRequest(_) => Self::InvalidInput(message),
            http::Error::Unreachable(_) | http::Error::TimedOut => Self::transient(message),
            http::Error::ResponseTooLarge => Self::Permanent(message),
        }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::InvalidInput(message) => Self::InvalidInput(message),
            Failure::Permanent(message) => Self::Permanent(message),
            Failure::Denied(message) => Self::Denied(message),
            Failure::Transient { message, retry_after } => Self::Transient(types::TransientFailure {
                message,
                retry_after_ms: retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_request_is_a_denied_action() {
        let failure = Failure::from(http::Error::Denied("no grant for GET https://a.example".into()));
        assert_eq!(failure, Failure::denied("no grant for GET https://a.example"));
    }

    #[test]
    fn an_unreachable_host_is_worth_another_attempt() {
        let failure = Failure::from(http::Error::Unreachable("connection refused".into()));
        assert!(matches!(failure, Failure::Transient { retry_after: None, .. }), "{failure:?}");
    }

    #[test]
    fn only_a_transient_failure_takes_a_delay() {
        let wait = Duration::from_secs(3);
        assert_eq!(Failure::permanent("gone").retry_after(wait), Failure::permanent("gone"));
        let failure = types::Failure::from(Failure::transient("busy").retry_after(wait));
        let types::Failure::Transient(transient) = failure else { panic!("{failure:?}") };
        assert_eq!((transient.message.as_str(), transient.retry_after_ms), ("busy", Some(3_000)));
    }
}
