//! The border between a running guest and the engine.
//!
//! Whatever a guest asks for that reaches beyond its own memory goes through
//! [`HostCalls`], as plain values that can be serialised: the component may run
//! in the server's process or in a runner of its own behind a socket, and
//! neither side could tell. The values are those of `wit/` ([`crate::wit`]).
//! Capabilities, counts and sizes were checked before a request gets here; what
//! only the engine can check (a secret's value, an artifact's project) travels
//! with the request as the grant it has to be checked against.
//!
//! Every interface is a trait of its own. An engine that does not have what one
//! offers leaves its functions as they are: they answer `denied`.

mod requests;

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::grant::{AppGrant, ArtifactsGrant, Capability, KvGrant, ProcessGrant, SecretGrant, WorkspaceGrant};
use crate::wit::{artifacts, deployments, http, items, kv, mail, process, secrets, workspace};

pub use requests::{HttpPermit, ItemRequest, MailPermit, WorkspaceAnswer, WorkspaceRequest};

/// Everything the engine does for a guest while it runs.
///
/// Waiting in these functions costs the guest wall time, never CPU time. The
/// future is dropped when the call's wall time is over or its caller goes away.
pub trait HostCalls:
    ReportCalls
    + ClockCalls
    + HttpCalls
    + SecretCalls
    + KvCalls
    + WorkspaceCalls
    + ArtifactCalls
    + ProcessCalls
    + ItemCalls
    + MailCalls
    + DeploymentCalls
    + 'static
{
}

impl<T> HostCalls for T where
    T: ReportCalls
        + ClockCalls
        + HttpCalls
        + SecretCalls
        + KvCalls
        + WorkspaceCalls
        + ArtifactCalls
        + ProcessCalls
        + ItemCalls
        + MailCalls
        + DeploymentCalls
        + 'static
{
}

/// What a function answers: the guest sees the inner result. [`Lost`] ends the call.
pub type Answer<T, E> = Result<Result<T, E>, Lost>;

/// The engine will not serve this call any longer, for instance because the
/// lease of its stage went to another worker. Ends the call; the guest is not asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Lost {
    /// Why, in a sentence.
    pub message: String,
}

impl Lost {
    /// With this message.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Details for whoever debugs the plugin.
    Debug,
    /// Ordinary output; also what a guest writes to stdout.
    Info,
    /// Something a person should look at; also what a guest writes to stderr.
    Warn,
    /// Something failed.
    Error,
}

/// One line of a stage's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// The text, without a line break. It comes from the guest as it is:
    /// terminal sequences and markup are for whoever shows it to escape.
    pub text: String,
}

/// How far a stage has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done, in a few words.
    pub message: String,
    /// How many units are done.
    pub done: u64,
    /// How many units there are, where that is known.
    pub total: Option<u64>,
}

/// Something a guest asked for and was not granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// The capability.
    pub capability: Capability,
    /// What was asked for, and what would allow it; the guest is told the same.
    pub message: String,
}

/// What a call says of itself.
#[async_trait]
pub trait ReportCalls: Send + Sync {
    /// Takes one line of the stage's log.
    async fn log(&self, line: LogLine) -> Result<(), Lost>;

    /// Takes a progress report; only the newest matters.
    async fn progress(&self, report: Progress) -> Result<(), Lost>;

    /// Is told that the guest was denied something.
    async fn denied(&self, denial: Denial) -> Result<(), Lost>;
}

/// The time.
pub trait ClockCalls: Send + Sync {
    /// Returns the time since 1970-01-01T00:00:00Z. It never goes back within a
    /// call. Called often: it must not wait.
    fn now(&self) -> Duration;
}

/// `kiket:plugin/http`.
#[async_trait]
pub trait HttpCalls: Send + Sync {
    /// Sends a request. Its placeholders are still in it: whoever replaces them
    /// checks the request against the permit afterwards.
    async fn http(&self, _: http::Request, _: HttpPermit) -> Answer<http::Response, http::Error> {
        Ok(Err(http::Error::Denied(missing("http"))))
    }
}

/// `kiket:plugin/secrets`. `placeholder` needs no engine.
#[async_trait]
pub trait SecretCalls: Send + Sync {
    /// Signs with a secret whose use `sign` is granted.
    async fn sign(&self, _: SecretGrant, _: secrets::Algorithm, _data: Vec<u8>) -> Answer<Vec<u8>, secrets::Error> {
        Ok(Err(secrets::Error::Denied(missing("secrets"))))
    }

    /// Returns a secret whose use `reveal` is granted.
    async fn reveal(&self, _: SecretGrant) -> Answer<String, secrets::Error> {
        Ok(Err(secrets::Error::Denied(missing("secrets"))))
    }
}

/// `kiket:plugin/kv`, for one project and plugin.
#[async_trait]
pub trait KvCalls: Send + Sync {
    /// Returns the value of a key.
    async fn kv_get(&self, _key: String) -> Answer<Option<Vec<u8>>, kv::Error> {
        Ok(Err(kv::Error::Denied(missing("kv"))))
    }

    /// Sets or removes a key, where `expected` is given only if its value is that; tells whether it did. Setting
    /// respects the quota.
    async fn kv_put(
        &self,
        _: KvGrant,
        _key: String,
        _expected: Option<Option<Vec<u8>>>,
        _value: Option<Vec<u8>>,
    ) -> Answer<bool, kv::Error> {
        Ok(Err(kv::Error::Denied(missing("kv"))))
    }

    /// Returns keys with a prefix, after one, in order.
    async fn kv_keys(&self, _prefix: String, _after: Option<String>, _limit: u32) -> Answer<Vec<String>, kv::Error> {
        Ok(Err(kv::Error::Denied(missing("kv"))))
    }
}

/// `kiket:plugin/workspace`.
#[async_trait]
pub trait WorkspaceCalls: Send + Sync {
    /// Does something in the attempt's workspace, which is made when it is first used.
    async fn workspace(&self, _: WorkspaceGrant, _: WorkspaceRequest) -> Answer<WorkspaceAnswer, workspace::Error> {
        Ok(Err(workspace::Error::Denied(missing("workspace"))))
    }
}

/// `kiket:plugin/artifacts`.
#[async_trait]
pub trait ArtifactCalls: Send + Sync {
    /// Keeps bytes under a name.
    async fn artifact_put(
        &self,
        _: ArtifactsGrant,
        _name: String,
        _content: Vec<u8>,
    ) -> Answer<artifacts::Artifact, artifacts::Error> {
        Ok(Err(artifacts::Error::Denied(missing("artifacts"))))
    }

    /// Keeps something of the workspace under a name.
    async fn artifact_keep(
        &self,
        _: ArtifactsGrant,
        _: WorkspaceGrant,
        _name: String,
        _path: String,
    ) -> Answer<artifacts::Artifact, artifacts::Error> {
        Ok(Err(artifacts::Error::Denied(missing("artifacts"))))
    }

    /// Finds an artifact of the project by its digest.
    async fn artifact_find(&self, _digest: String) -> Answer<artifacts::Artifact, artifacts::Error> {
        Ok(Err(artifacts::Error::Denied(missing("artifacts"))))
    }

    /// Finds the newest artifact of the project by its name.
    async fn artifact_newest(&self, _name: String) -> Answer<artifacts::Artifact, artifacts::Error> {
        Ok(Err(artifacts::Error::Denied(missing("artifacts"))))
    }

    /// Reads a part of an artifact.
    async fn artifact_read(&self, _digest: String, _offset: u64, _length: u32) -> Answer<Vec<u8>, artifacts::Error> {
        Ok(Err(artifacts::Error::Denied(missing("artifacts"))))
    }

    /// Puts an artifact into the workspace.
    async fn artifact_place(&self, _: WorkspaceGrant, _digest: String, _path: String) -> Answer<(), artifacts::Error> {
        Ok(Err(artifacts::Error::Denied(missing("artifacts"))))
    }
}

/// `kiket:plugin/process`.
#[async_trait]
pub trait ProcessCalls: Send + Sync {
    /// Runs a granted program in the workspace to its end.
    async fn process(
        &self,
        _: ProcessGrant,
        _: WorkspaceGrant,
        _: process::Command,
    ) -> Answer<process::Finished, process::Error> {
        Ok(Err(process::Error::Denied(missing("process"))))
    }
}

/// `kiket:plugin/items`.
#[async_trait]
pub trait ItemCalls: Send + Sync {
    /// Does something with items of the run's project whose scope is granted; answers the items that it is about,
    /// each one JSON object.
    async fn items(&self, _: ItemRequest) -> Answer<Vec<String>, items::Error> {
        Ok(Err(items::Error::Denied(missing("items"))))
    }
}

/// `kiket:plugin/mail`.
#[async_trait]
pub trait MailCalls: Send + Sync {
    /// Sends a message through a granted server. A placeholder of the password is still in it.
    async fn mail(&self, _: MailPermit, _: mail::Server, _: mail::Message) -> Answer<String, mail::Error> {
        Ok(Err(mail::Error::Denied(missing("mail"))))
    }
}

/// `kiket:plugin/deployments`.
#[async_trait]
pub trait DeploymentCalls: Send + Sync {
    /// Makes a release of an artifact for a granted app.
    async fn prepare(&self, _app: String, _artifact: String) -> Answer<deployments::Release, deployments::Error> {
        Ok(Err(deployments::Error::Denied(missing("deployments"))))
    }

    /// Fetches a path of a release; its app has to be among the granted.
    async fn probe(&self, _: Vec<AppGrant>, _release: String, _path: String) -> Answer<u16, deployments::Error> {
        Ok(Err(deployments::Error::Denied(missing("deployments"))))
    }

    /// Puts a release live; its app has to be among the granted.
    async fn activate(
        &self,
        _: Vec<AppGrant>,
        _release: String,
    ) -> Answer<Option<deployments::Release>, deployments::Error> {
        Ok(Err(deployments::Error::Denied(missing("deployments"))))
    }

    /// Returns the live release of a granted app.
    async fn live(&self, _app: String) -> Answer<Option<deployments::Release>, deployments::Error> {
        Ok(Err(deployments::Error::Denied(missing("deployments"))))
    }

    /// Returns the release of a granted app that was live before.
    async fn previous(&self, _app: String) -> Answer<Option<deployments::Release>, deployments::Error> {
        Ok(Err(deployments::Error::Denied(missing("deployments"))))
    }
}

fn missing(what: &str) -> String {
    format!("`{what}` is not to be had here")
}
