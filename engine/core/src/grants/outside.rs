//! What a plugin may do outside of itself: requests, items, e-mail, apps that it puts live.

use serde::{Deserialize, Serialize};

/// Requests to one host, or to the hosts below one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpGrant {
    /// `https` or `http`.
    pub scheme: String,
    /// An exact host name or address, or `*.example.com`.
    pub host: String,
    /// The port; the scheme's own where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The methods, upper case; all where none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
}

/// Items of the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemsGrant {
    /// What may be done with them; at least one.
    pub scopes: Vec<ItemScope>,
}

/// What may be done with items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ItemScope {
    /// They may be read.
    #[serde(rename = "items:read")]
    Read,
    /// They may be made and changed, but for their state.
    #[serde(rename = "items:write")]
    Write,
    /// Transitions may be asked for.
    #[serde(rename = "transitions:write")]
    Transition,
}

/// E-mail, which the host sends over SMTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailGrant {
    /// The servers that take it; at least one.
    pub servers: Vec<MailServer>,
    /// Senders, as patterns of addresses; any where none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// Recipients, as patterns of addresses; anybody where none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
}

/// A server that takes e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailServer {
    /// Its name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// TLS from the first byte.
    #[default]
    Required,
    /// It begins in the clear and goes on with TLS before anything is said, or not at all.
    Starttls,
    /// In the clear.
    None,
}

/// Apps that may be put live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentsGrant {
    /// Names of apps; `*` is every one. At least one.
    pub apps: Vec<String>,
}

impl HttpGrant {
    /// Tells whether requests to a scheme, a host in lower case and a port are granted; `None` is the scheme's own.
    #[must_use]
    pub fn covers(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let fits = match self.host.strip_prefix('*') {
            Some(below) => host.strip_suffix(below).is_some_and(|name| !name.is_empty()),
            None => self.host == host,
        };
        self.scheme == scheme && fits && self.port == port
    }
}

impl ItemScope {
    /// Returns the scope as it is written everywhere.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "items:read",
            Self::Write => "items:write",
            Self::Transition => "transitions:write",
        }
    }

    pub(crate) const NAMES: [&'static str; 3] = ["items:read", "items:write", "transitions:write"];

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Read, Self::Write, Self::Transition];
        Self::NAMES.iter().zip(all).find(|(name, _)| **name == word).map(|(_, found)| found)
    }
}

impl MailTls {
    pub(crate) const NAMES: [&'static str; 3] = ["required", "starttls", "none"];

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Required, Self::Starttls, Self::None];
        Self::NAMES.iter().zip(all).find(|(name, _)| **name == word).map(|(_, found)| found)
    }

    /// Returns the port where none is given: 465, 587 and 25.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Required => 465,
            Self::Starttls => 587,
            Self::None => 25,
        }
    }
}

impl DeploymentsGrant {
    /// Tells whether an app may be put live.
    #[must_use]
    pub fn covers(&self, app: &str) -> bool {
        self.apps.iter().any(|granted| granted == "*" || granted == app)
    }
}
