//! The grants beside HTTP's. What is checked as it is written is the language's own type; what has to be parsed or
//! joined first has one here.

use serde::{Deserialize, Serialize};

use super::HostPattern;

pub use kiket_core::grants::{Capability, ItemScope, KvGrant, ProcessGrant, SecretUse};

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

/// Leave to put one app live, or with `*` every app of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppGrant(pub String);

impl AppGrant {
    /// Whether an app is granted.
    #[must_use]
    pub fn covers(&self, app: &str) -> bool {
        self.0 == "*" || self.0 == app
    }
}
