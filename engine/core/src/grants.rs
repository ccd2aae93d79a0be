//! Grants: what a plugin may do, as data. Nothing is granted by default.
//!
//! What a plugin may do at a call is its [built-in grants](builtin), which only bundled plugins have, with those of
//! the project's `plugins.yaml` laid over them ([`PluginGrants::merge`]). Serialised, grants read as they are written
//! in that file. Whether a call is covered is the host's to decide; nothing here is enforced.

mod advice;
mod builtin;
mod capability;
mod difference;
mod machine;
mod outside;
mod secret;

use serde::{Deserialize, Serialize};

pub(crate) use advice::{advise, line};
pub use builtin::builtin;
pub use capability::Capability;
pub use difference::Difference;
pub use machine::{Access, FilesGrant, KvGrant, ProcessGrant};
pub use outside::{DeploymentsGrant, HttpGrant, ItemScope, ItemsGrant, MailGrant, MailServer, MailTls};
pub use secret::{SecretGrant, SecretUse};

/// What one plugin may do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PluginGrants {
    /// Outbound requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpGrant>,
    /// Secrets, and how they may be used. A name may stand in several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretGrant>,
    /// Values that it keeps from call to call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv: Option<KvGrant>,
    /// A private copy of the commit's tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<FilesGrant>,
    /// Artifacts of the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<FilesGrant>,
    /// Programs of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessGrant>,
    /// Items of the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<ItemsGrant>,
    /// E-mail, which the host sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailGrant>,
    /// Apps that it may put live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployments: Option<DeploymentsGrant>,
}

impl PluginGrants {
    /// Lays the grants of a file over these: a capability that the file names is what the file says, narrower or wider,
    /// and one that it does not name stays as it is. So a built-in grant can be narrowed and not taken away.
    #[must_use]
    pub fn merge(self, over: &Self) -> Self {
        fn instead<T: Clone>(own: Vec<T>, over: &[T]) -> Vec<T> {
            if over.is_empty() { own } else { over.to_vec() }
        }
        Self {
            http: instead(self.http, &over.http),
            secrets: instead(self.secrets, &over.secrets),
            kv: over.kv.or(self.kv),
            workspace: over.workspace.clone().or(self.workspace),
            artifacts: over.artifacts.clone().or(self.artifacts),
            process: over.process.clone().or(self.process),
            items: over.items.clone().or(self.items),
            mail: over.mail.clone().or(self.mail),
            deployments: over.deployments.clone().or(self.deployments),
        }
    }

    /// Returns the grants of a secret.
    pub fn secret(&self, name: &str) -> impl Iterator<Item = &SecretGrant> {
        self.secrets.iter().filter(move |grant| grant.name == name)
    }
}
