//! What a plugin may reach. Deny by default: what no grant covers is refused.
//!
//! Matching is on what was parsed (scheme, host, port, method), never on the
//! text of a URL. Whether a name's address may be connected to is a second
//! question, asked where the connection is made (`outbound`).

mod capability;
mod mail;

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Host;

use crate::target::Target;

pub use capability::{
    AppGrant, ArtifactsGrant, Capability, ItemScope, KvGrant, ProcessGrant, SecretGrant, SecretUse, WorkspaceGrant,
};
pub use mail::{AddressPattern, InvalidAddressPattern, MailGrant, MailSecurity};

/// Everything a project granted one plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// Outbound HTTP.
    pub http: Vec<HttpGrant>,
    /// Secrets, and what may be done with each.
    pub secrets: Vec<SecretGrant>,
    /// Values that are kept.
    pub kv: Option<KvGrant>,
    /// The commit's files.
    pub workspace: Option<WorkspaceGrant>,
    /// What runs leave behind.
    pub artifacts: Option<ArtifactsGrant>,
    /// Programs of the system.
    pub process: Option<ProcessGrant>,
    /// The project's items.
    pub items: Vec<ItemScope>,
    /// Servers that take e-mail.
    pub mail: Vec<MailGrant>,
    /// Apps that may be put live.
    pub deployments: Vec<AppGrant>,
}

/// Leave to send requests to one host, or to every host below one domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// The scheme.
    pub scheme: Scheme,
    /// The host or hosts.
    pub host: HostPattern,
    /// The port; without it the scheme's own (80, 443) and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The methods; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
}

/// A scheme that requests are sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// One host by its name or address, or `*.example.com`: every name below
/// `example.com` at any depth, without `example.com` itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern(Pattern);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Exactly(Host),
    /// With the dot in front: `.example.com`.
    Below(String),
}

/// The text is not a host pattern.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a host: expected a name, an address or `*.` and a name")]
pub struct InvalidHostPattern(String);

/// A grant covers the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Covered {
    /// Some covering grant lists the host exactly.
    pub(crate) exactly: bool,
}

impl Grants {
    /// Whether some grant covers the target.
    pub(crate) fn cover(&self, target: &Target) -> Option<Covered> {
        let mut covering = self.http.iter().filter(|grant| grant.covers(target)).peekable();
        covering.peek()?;
        Some(Covered { exactly: covering.any(|grant| grant.host.is_exact()) })
    }
}

impl HttpGrant {
    fn covers(&self, target: &Target) -> bool {
        self.scheme == target.scheme
            && self.host.matches(&target.host)
            && self.port.unwrap_or(self.scheme.port()) == target.port
            && (self.methods.is_empty() || self.methods.iter().any(|method| target.method.as_str() == method))
    }
}

impl Scheme {
    fn port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        })
    }
}

impl HostPattern {
    /// Whether the pattern names one host, not all below a domain.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        matches!(self.0, Pattern::Exactly(_))
    }

    /// Whether the pattern covers a host as it was written; a text that is no host is covered by none.
    pub(crate) fn matches_text(&self, host: &str) -> bool {
        read_host(host).is_some_and(|host| self.matches(&host))
    }

    /// Whether the pattern covers a host as it was parsed.
    pub(crate) fn matches(&self, host: &Host) -> bool {
        match (&self.0, host) {
            (Pattern::Exactly(exactly), host) => exactly == host,
            // A label is never empty, so the name before the suffix is one or more labels.
            (Pattern::Below(suffix), Host::Domain(name)) => {
                name.len() > suffix.len() && name.ends_with(suffix.as_str())
            }
            (Pattern::Below(_), Host::Ipv4(_) | Host::Ipv6(_)) => false,
        }
    }
}

impl FromStr for HostPattern {
    type Err = InvalidHostPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidHostPattern(text.chars().take(80).collect());
        if text.ends_with('.') {
            return Err(invalid());
        }
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Self(Pattern::Exactly(Host::Ipv6(address))));
        }
        let (name, below) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        match Host::parse(name).map_err(|_| invalid())? {
            Host::Domain(name) if name.contains('*') => Err(invalid()),
            Host::Domain(name) if below && name.starts_with('.') => Err(invalid()),
            Host::Domain(name) if below => Ok(Self(Pattern::Below(format!(".{name}")))),
            Host::Ipv4(_) | Host::Ipv6(_) if below => Err(invalid()),
            host => Ok(Self(Pattern::Exactly(host))),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Pattern::Exactly(host) => host.fmt(f),
            Pattern::Below(suffix) => write!(f, "*{suffix}"),
        }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = InvalidHostPattern;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

/// Reads a host as it stands outside of a URL.
pub(crate) fn read_host(text: &str) -> Option<Host> {
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Some(Host::Ipv6(address));
    }
    Host::parse(text).ok().filter(|host| !matches!(host, Host::Domain(name) if name.ends_with('.')))
}

#[cfg(test)]
mod tests;
