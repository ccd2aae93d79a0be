//! What a guard asks of the engine. It may look at the world as far as it was granted: send requests, use secrets, read
//! items of its project and ask for the time. Everything else answers `denied`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kiket_host::wit::http::{Error, Request, Response};
use kiket_host::wit::items;
use kiket_host::wit::secrets::{self, Algorithm};
use kiket_host::{
    Answer, ArtifactCalls, ClockCalls, Denial, DeploymentCalls, HttpCalls, HttpPermit, ItemCalls, ItemRequest, KvCalls,
    LogLine, Lost, MailCalls, Outbound, ProcessCalls, Progress, ReportCalls, SecretCalls, SecretGrant, WorkspaceCalls,
    secrets_of,
};
use kiket_store::Project;

use super::super::Reader;
use crate::clock;
use crate::secrets::{Secrets, missing, sign};
use crate::vault::Secret;

/// The engine's side of one question.
pub(super) struct Calls {
    pub(super) outbound: Outbound,
    pub(super) secrets: Arc<Secrets>,
    pub(super) reader: Reader,
    pub(super) project: Project,
    /// What the workflow calls the guard.
    pub(super) guard: String,
}

impl Calls {
    async fn secret(&self, name: &str) -> Result<Option<Secret>, Lost> {
        self.secrets.get(self.project.id, name).await.map_err(|error| {
            tracing::error!(guard = self.guard, project = self.project.name, secret = name, %error, "a secret cannot be read");
            Lost::new(format!("secret `{name}` cannot be read"))
        })
    }
}

#[async_trait]
impl ReportCalls for Calls {
    /// Nobody follows a question: there is no stage whose log this were.
    async fn log(&self, _: LogLine) -> Result<(), Lost> {
        Ok(())
    }

    async fn progress(&self, _: Progress) -> Result<(), Lost> {
        Ok(())
    }

    async fn denied(&self, denial: Denial) -> Result<(), Lost> {
        tracing::info!(guard = self.guard, project = self.project.name, capability = %denial.capability, "denied");
        Ok(())
    }
}

impl ClockCalls for Calls {
    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(clock::now().millis()).unwrap_or_default())
    }
}

#[async_trait]
impl HttpCalls for Calls {
    async fn http(&self, request: Request, permit: HttpPermit) -> Answer<Response, Error> {
        let mut values = HashMap::new();
        for name in secrets_of(&request, &permit) {
            if let Some(secret) = self.secret(&name).await? {
                values.insert(name, secret);
            }
        }
        let value = |name: &str| values.get(name).map(|secret| secret.reveal().to_owned());
        Ok(self.outbound.send(request, &permit, &value).await.map_err(|failed| failed.error))
    }
}

#[async_trait]
impl ItemCalls for Calls {
    async fn items(&self, request: ItemRequest) -> Answer<Vec<String>, items::Error> {
        self.reader.answer(self.project.id, request).await
    }
}

#[async_trait]
impl SecretCalls for Calls {
    async fn sign(&self, grant: SecretGrant, algorithm: Algorithm, data: Vec<u8>) -> Answer<Vec<u8>, secrets::Error> {
        Ok(match self.secret(&grant.name).await? {
            Some(secret) => sign(&grant.name, &secret, algorithm, &data),
            None => Err(missing(&grant.name)),
        })
    }

    async fn reveal(&self, grant: SecretGrant) -> Answer<String, secrets::Error> {
        let secret = self.secret(&grant.name).await?;
        Ok(secret.map(|secret| secret.reveal().to_owned()).ok_or_else(|| missing(&grant.name)))
    }
}

impl KvCalls for Calls {}
impl WorkspaceCalls for Calls {}
impl ArtifactCalls for Calls {}
impl ProcessCalls for Calls {}
impl MailCalls for Calls {}
impl DeploymentCalls for Calls {}
