//! The capabilities by name: what a manifest asks for and `plugins.yaml` grants.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::PluginGrants;

/// Something that a plugin can do only where it is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    /// Outbound requests.
    Http,
    /// Secrets.
    Secrets,
    /// Values that it keeps.
    Kv,
    /// The commit's tree.
    Workspace,
    /// Artifacts.
    Artifacts,
    /// Programs of the machine.
    Process,
    /// Items.
    Items,
    /// E-mail.
    Mail,
    /// Putting apps live.
    Deployments,
}

impl Capability {
    /// Every capability, in the order in which they are listed.
    pub const ALL: [Self; 9] = [
        Self::Http,
        Self::Secrets,
        Self::Kv,
        Self::Workspace,
        Self::Artifacts,
        Self::Process,
        Self::Items,
        Self::Mail,
        Self::Deployments,
    ];

    pub(crate) const NAMES: [&'static str; 9] =
        ["http", "secrets", "kv", "workspace", "artifacts", "process", "items", "mail", "deployments"];

    /// Returns the capability that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::NAMES.iter().zip(Self::ALL).find(|(name, _)| **name == word).map(|(_, found)| found)
    }

    /// Returns the capability as it is written everywhere.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Secrets => "secrets",
            Self::Kv => "kv",
            Self::Workspace => "workspace",
            Self::Artifacts => "artifacts",
            Self::Process => "process",
            Self::Items => "items",
            Self::Mail => "mail",
            Self::Deployments => "deployments",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl PluginGrants {
    /// Tells whether anything of a capability is granted.
    #[must_use]
    pub fn has(&self, capability: Capability) -> bool {
        match capability {
            Capability::Http => !self.http.is_empty(),
            Capability::Secrets => !self.secrets.is_empty(),
            Capability::Kv => self.kv.is_some(),
            Capability::Workspace => self.workspace.is_some(),
            Capability::Artifacts => self.artifacts.is_some(),
            Capability::Process => self.process.is_some(),
            Capability::Items => self.items.is_some(),
            Capability::Mail => self.mail.is_some(),
            Capability::Deployments => self.deployments.is_some(),
        }
    }

    /// Tells whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !Capability::ALL.into_iter().any(|capability| self.has(capability))
    }
}
