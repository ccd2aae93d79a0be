//! Placeholders: texts that stand for secrets on their way to a plugin. An expression never sees a secret's value.

use std::fmt;
use std::sync::Arc;

/// Makes the texts that stand for secrets in one call: `kiket-secret.<nonce>.<NAME>.`, which
/// survives in a URL, a header, JSON and HTML as it is.
///
/// Whoever performs the call puts the secrets in their place where they are granted. The nonce tells a placeholder that
/// was made for the call from a text that somebody wrote to look like one, so nobody may guess it.
#[derive(Clone, PartialEq, Eq)]
pub struct Placeholders {
    nonce: Arc<str>,
}

impl Placeholders {
    /// What every placeholder begins with.
    pub const PREFIX: &'static str = "kiket-secret.";

    /// Makes those of a call; the nonce has letters and digits only.
    #[must_use]
    pub fn new(nonce: impl Into<Arc<str>>) -> Self {
        Self { nonce: nonce.into() }
    }

    /// Returns the text that stands for a secret.
    #[must_use]
    pub fn of(&self, name: &str) -> String {
        format!("{}{}.{name}.", Self::PREFIX, self.nonce)
    }

    /// Returns the nonce.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }
}

/// The nonce stays out of logs.
impl fmt::Debug for Placeholders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Placeholders").finish_non_exhaustive()
    }
}
