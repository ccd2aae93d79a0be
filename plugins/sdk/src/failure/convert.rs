//! Errors of others as failures, so that `?` works on them.
//!
//! An error of this crate keeps its meaning, however deep it is wrapped. Any other is permanent: nothing but the plugin
//! knows whether trying again helps, and [`OrFailure`] lets it say so.

use std::error::Error;
use std::fmt::Display;

use super::Failure;
use crate::{artifacts, deployments, http, items, kv, mail, process, secrets, workspace};

macro_rules! permanent {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Permanent(error.to_string())
            }
        })+
    };
}

permanent!(
    serde_json::Error,
    std::fmt::Error,
    std::io::Error,
    std::num::ParseFloatError,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
    std::time::SystemTimeError,
);

impl From<Box<dyn Error>> for Failure {
    fn from(error: Box<dyn Error>) -> Self {
        of(&*error, error.to_string())
    }
}

impl From<Box<dyn Error + Send + Sync>> for Failure {
    fn from(error: Box<dyn Error + Send + Sync>) -> Self {
        of(&*error, error.to_string())
    }
}

/// The message says the whole chain.
#[cfg(feature = "anyhow")]
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        of(error.as_ref(), format!("{error:#}"))
    }
}

/// What an error says of itself decides, or else the first of its causes that does.
fn of(error: &(dyn Error + 'static), message: String) -> Failure {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(failure) = known(error) {
            return failure.saying(message);
        }
        next = error.source();
    }
    Failure::Permanent(message)
}

fn known(error: &(dyn Error + 'static)) -> Option<Failure> {
    macro_rules! first_of {
        ($($error:ty),+ $(,)?) => {
            $(if let Some(error) = error.downcast_ref::<$error>() {
                return Some(error.clone().into());
            })+
        };
    }
    first_of!(
        Failure,
        http::Error,
        kv::Error,
        secrets::Error,
        items::Error,
        workspace::Error,
        artifacts::Error,
        process::Error,
        deployments::Error,
        mail::Error,
    );
    None
}

/// What an error that this crate does not know means, in a word.
///
/// ```
/// # use kiket_plugin::{Failure, OrFailure};
/// fn port(text: &str) -> Result<u16, Failure> {
///     text.parse().or_invalid("the port")
/// }
/// assert_eq!(port("x"), Err(Failure::invalid_input("the port: invalid digit found in string")));
/// ```
pub trait OrFailure<T> {
    /// Trying again may help.
    fn or_transient(self, what: &str) -> Result<T, Failure>;

    /// Trying again will not help.
    fn or_permanent(self, what: &str) -> Result<T, Failure>;

    /// The input is not what the action takes.
    fn or_invalid(self, what: &str) -> Result<T, Failure>;
}

impl<T, E: Display> OrFailure<T> for Result<T, E> {
    fn or_transient(self, what: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::transient(format!("{what}: {error}")))
    }

    fn or_permanent(self, what: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::permanent(format!("{what}: {error}")))
    }

    fn or_invalid(self, what: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::invalid_input(format!("{what}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the feed cannot be read")]
    struct Wrapped(#[source] http::Error);

    #[test]
    fn an_error_of_ours_keeps_its_meaning_below_others() {
        let failure = |error: http::Error| Failure::from(Box::<dyn Error>::from(Wrapped(error)));
        assert_eq!(failure(http::Error::TimedOut), Failure::transient("the feed cannot be read"));
        assert_eq!(failure(http::Error::Denied("no".into())), Failure::denied("the feed cannot be read"));
    }

    #[test]
    fn an_error_of_others_is_permanent() {
        let bad = serde_json::from_str::<u8>("x").map_err(Failure::from);
        assert!(matches!(bad, Err(Failure::Permanent(_))), "{bad:?}");
        let bad = Failure::from(Box::<dyn Error + Send + Sync>::from("three words here"));
        assert_eq!(bad, Failure::permanent("three words here"));
    }

    #[cfg(feature = "anyhow")]
    #[test]
    fn a_chain_is_said_whole_and_its_cause_decides() {
        let error = anyhow::Error::from(http::Error::TimedOut).context("the feed");
        assert_eq!(Failure::from(error), Failure::transient("the feed: the other side did not answer in time"));
    }
}
