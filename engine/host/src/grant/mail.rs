//! Leave to send e-mail: through which server, from whom, to whom.

use std::fmt;
use std::str::FromStr;

use lettre::Address;
use serde::{Deserialize, Serialize};

use super::HostPattern;

/// Leave to send e-mail through one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailGrant {
    /// Its name or address.
    pub host: HostPattern,
    /// The port; that of the security where none is given.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection has to be secured.
    pub security: MailSecurity,
    /// Who may be the sender; anybody where nothing is listed.
    #[serde(default)]
    pub from: Vec<AddressPattern>,
    /// Who may get it; anybody where nothing is listed.
    #[serde(default)]
    pub to: Vec<AddressPattern>,
}

/// How a connection to a server for e-mail is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    /// TLS from the first byte.
    Tls,
    /// TLS after `STARTTLS`.
    Starttls,
    /// Not at all.
    None,
}

/// One address, or `*@example.com`: every address of a domain, which may be a pattern itself (`*@*.example.com`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressPattern {
    /// What stands before the `@`; `None` for anything.
    local: Option<String>,
    domain: HostPattern,
}

/// The text is not a pattern of addresses.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an address: expected `ada@example.com` or `*@example.com`")]
pub struct InvalidAddressPattern(String);

impl MailGrant {
    /// Whether this is the server.
    pub(crate) fn covers(&self, host: &str, port: u16, security: MailSecurity) -> bool {
        self.security == security && self.port.unwrap_or(security.port()) == port && self.host.matches_text(host)
    }

    /// Whether somebody may be the sender.
    pub(crate) fn sends_from(&self, address: &Address) -> bool {
        self.from.is_empty() || self.from.iter().any(|pattern| pattern.matches(address))
    }

    /// Whether somebody may get it.
    pub(crate) fn sends_to(&self, address: &Address) -> bool {
        self.to.is_empty() || self.to.iter().any(|pattern| pattern.matches(address))
    }
}

impl MailSecurity {
    /// The port where none is named (RFC 8314, RFC 5321).
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Tls => 465,
            Self::Starttls => 587,
            Self::None => 25,
        }
    }

    /// The name, as grants have it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tls => "required",
            Self::Starttls => "starttls",
            Self::None => "none",
        }
    }
}

impl AddressPattern {
    fn matches(&self, address: &Address) -> bool {
        self.local.as_ref().is_none_or(|local| local.eq_ignore_ascii_case(address.user()))
            && self.domain.matches_text(address.domain())
    }
}

impl FromStr for AddressPattern {
    type Err = InvalidAddressPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidAddressPattern(text.chars().take(80).collect());
        let (local, domain) = text.rsplit_once('@').ok_or_else(invalid)?;
        let domain = domain.parse().map_err(|_| invalid())?;
        match local {
            "" => Err(invalid()),
            "*" => Ok(Self { local: None, domain }),
            local => Ok(Self { local: Some(local.to_owned()), domain }),
        }
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local.as_deref().unwrap_or("*"), self.domain)
    }
}

impl TryFrom<String> for AddressPattern {
    type Error = InvalidAddressPattern;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AddressPattern> for String {
    fn from(pattern: AddressPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_one_address_or_those_of_a_domain() {
        for (pattern, address, matches) in [
            ("ada@example.com", "ada@example.com", true),
            ("ada@example.com", "Ada@EXAMPLE.com", true),
            ("ada@example.com", "eve@example.com", false),
            ("ada@example.com", "ada@example.org", false),
            ("*@example.com", "eve@example.com", true),
            ("*@example.com", "eve@mail.example.com", false),
            ("*@*.example.com", "eve@mail.example.com", true),
            ("*@*.example.com", "eve@example.com", false),
        ] {
            let pattern: AddressPattern = pattern.parse().expect("a pattern");
            let address: Address = address.parse().expect("an address");
            assert_eq!(pattern.matches(&address), matches, "{pattern} {address}");
        }
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        for text in ["", "ada", "@example.com", "ada@", "ada@*"] {
            assert!(text.parse::<AddressPattern>().is_err(), "{text}");
        }
    }
}
