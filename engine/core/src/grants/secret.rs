//! Use of secrets: which, how and towards which hosts.

use serde::{Deserialize, Serialize};

/// Use of one secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretGrant {
    /// The secret's name: `[A-Z][A-Z0-9_]*`, at most 64 characters.
    pub name: String,
    /// The ways in which it may be used; at least one.
    #[serde(rename = "use")]
    pub uses: Vec<SecretUse>,
    /// The hosts it may be sent to, as patterns; there is one at least for uses that [send it](SecretUse::sends).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

/// A way to use a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretUse {
    /// The host puts it into the headers of a request.
    Header,
    /// The host puts it into the address of a request.
    Url,
    /// The host puts it into the body of a request.
    Body,
    /// The host signs with it; the key stays outside.
    Sign,
    /// The plugin sees its value.
    Reveal,
}

impl SecretUse {
    /// Every way, in the order in which they are listed.
    pub const ALL: [Self; 5] = [Self::Header, Self::Url, Self::Body, Self::Sign, Self::Reveal];
    pub(crate) const NAMES: [&'static str; 5] = ["header", "url", "body", "sign", "reveal"];

    /// Tells whether the secret is sent to a host, so that hosts have to be named.
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Self::Header | Self::Url | Self::Body)
    }

    /// Returns the way as it is written everywhere.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Url => "url",
            Self::Body => "body",
            Self::Sign => "sign",
            Self::Reveal => "reveal",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.word() == word)
    }
}
