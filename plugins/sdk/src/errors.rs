//! Errors of host calls of which every one is a text: declared once, with what each means for the stage.

/// Declares `Error` for an interface whose errors are texts, and turns the host's into it and it into the
/// [`Failure`](crate::Failure) that is named behind the arrow.
macro_rules! errors {
    ($interface:ident { $($(#[$doc:meta])* $variant:ident => $failure:ident),+ $(,)? }) => {
        /// Why there is no answer. `?` turns it into the [`Failure`](crate::Failure) that fits.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[non_exhaustive]
        pub enum Error {
            $($(#[$doc])* #[error("{0}")] $variant(String)),+
        }

        impl From<crate::bindings::kiket::plugin::$interface::Error> for Error {
            fn from(error: crate::bindings::kiket::plugin::$interface::Error) -> Self {
                use crate::bindings::kiket::plugin::$interface as host;
                match error {
                    $(host::Error::$variant(reason) => Self::$variant(reason)),+
                }
            }
        }

        impl From<Error> for crate::Failure {
            fn from(error: Error) -> Self {
                match error {
                    $(Error::$variant(reason) => Self::$failure(reason)),+
                }
            }
        }
    };
}
pub(crate) use errors;
