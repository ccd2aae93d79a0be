//! The grants beside HTTP's, and what they are called.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::HostPattern;

/// What can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    /// Outbound requests.
    Http,
    /// Secrets.
    Secrets,
    /// Values that are kept.
    Kv,
    /// The commit's files.
    Workspace,
    /// What runs leave behind.
    Artifacts,
    /// Programs.
    Process,
    /// Items.
    Items,
    /// E-mail.
    Mail,
    /// Sites.
    Deployments,
}

/// What may be done with one secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretGrant {
    /// Its name.
    pub name: String,
    /// What may be done with it.
    #[serde(rename = "use")]
    pub uses: Vec<SecretUse>,
    /// The hosts it may be sent to.
    #[serde(default)]
    pub hosts: Vec<HostPattern>,
}

/// What may be done with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretUse {
    /// Sent in a header, or as a password.
    Header,
    /// Sent as a part of the URL, or as the whole.
    Url,
    /// Sent in the body.
    Body,
    /// Signed with.
    Sign,
    /// Shown to the guest.
    Reveal,
}

/// Leave to keep values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KvGrant {
    /// Keys and values together, in bytes.
    pub quota: u64,
}

/// Leave to use a copy of the commit's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceGrant {
    /// Whether they may be changed.
    pub write: bool,
    /// How large it may become, in bytes.
    pub quota: u64,
}

/// Leave to use what runs leave behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactsGrant {
    /// Whether anything may be added.
    pub write: bool,
    /// How large all artifacts of the project may become, in bytes.
    pub quota: u64,
}

/// Leave to run programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessGrant {
    /// Their names or absolute paths.
    pub programs: Vec<String>,
    /// Whether they have a network.
    pub network: bool,
    /// CPU time of a program and all that it starts.
    pub cpu: Duration,
    /// Time from start to end of one call.
    pub wall: Duration,
    /// Memory of a program and all that it starts, in bytes.
    pub memory: u64,
}

/// What may be done with items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemScope {
    /// They may be read.
    #[serde(rename = "items:read")]
    Read,
    /// They may be created, changed and commented on.
    #[serde(rename = "items:write")]
    Write,
    /// Their transitions may be taken.
    #[serde(rename = "transitions:write")]
    Transition,
}

/// Leave to put one app live, or with `*` every app of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppGrant(pub String);

impl Capability {
    /// The name, as `grants:` and manifests have it.
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

impl SecretUse {
    /// The name, as `use:` has it.
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
}

impl ItemScope {
    /// The name, as `scopes:` has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "items:read",
            Self::Write => "items:write",
            Self::Transition => "transitions:write",
        }
    }
}

impl AppGrant {
    /// Whether an app is granted.
    #[must_use]
    pub fn covers(&self, app: &str) -> bool {
        self.0 == "*" || self.0 == app
    }
}
