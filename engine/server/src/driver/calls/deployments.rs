//! `kiket:plugin/deployments`: what a stage does with the sites of its project.
//!
//! The host has checked that the app is granted where the call names it; where a call names a release, its app is
//! checked here. A release of another project is answered like one that there is not.

use async_trait::async_trait;
use kiket_host::wit::deployments::{Error, Release as Shown};
use kiket_host::{Answer, AppGrant, DeploymentCalls, Lost};
use kiket_store::{Actor, Release};

use super::Calls;
use super::effect::{Denied, Tried};
use crate::deployments::DeployError;

impl Denied for Error {
    fn denied(message: String) -> Self {
        Self::Denied(message)
    }
}

#[async_trait]
impl DeploymentCalls for Calls {
    async fn prepare(&self, app: String, artifact: String) -> Answer<Shown, Error> {
        let summary = format!("a release of {artifact} for app {app}");
        let prepare = async { tried(self.perform_prepare(&app, &artifact).await) };
        self.effects.effect("deployments.prepare", &summary, &(&app, &artifact), prepare).await
    }

    async fn probe(&self, apps: Vec<AppGrant>, release: String, path: String) -> Answer<u16, Error> {
        let probe = async { answer(self.perform_probe(&apps, &release, &path).await) };
        self.effects.read("deployments.probe", &(&release, &path), probe).await
    }

    async fn activate(&self, apps: Vec<AppGrant>, release: String) -> Answer<Option<Shown>, Error> {
        let summary = format!("{release} goes live");
        let activate = async { tried(self.perform_activate(&apps, &release).await) };
        self.effects.effect("deployments.activate", &summary, &release, activate).await
    }

    async fn live(&self, app: String) -> Answer<Option<Shown>, Error> {
        let look = async { answer(self.shown(self.driver.deployments.live(self.place.project, &app).await)) };
        self.effects.read("deployments.live", &app, look).await
    }

    async fn previous(&self, app: String) -> Answer<Option<Shown>, Error> {
        let look = async { answer(self.shown(self.driver.deployments.previous(self.place.project, &app).await)) };
        self.effects.read("deployments.previous", &app, look).await
    }
}

/// Why a call came to nothing.
enum Refused {
    Denied(String),
    Deployment(DeployError),
}

impl Calls {
    /// Makes a release. The same stage makes one of an artifact for an app only, so it may be repeated.
    async fn perform_prepare(&self, app: &str, artifact: &str) -> Result<Shown, Refused> {
        let release = self.driver.deployments.prepare(self.place.project, app, artifact, Some(self.actor())).await?;
        Ok(self.show(&release))
    }

    async fn perform_probe(&self, apps: &[AppGrant], release: &str, path: &str) -> Result<u16, Refused> {
        let release = self.granted(apps, release).await?;
        Ok(self.driver.deployments.probe(&release, path).await?)
    }

    /// Puts a release live. Where it is live already nothing changes and the answer is the same, so it may be repeated.
    async fn perform_activate(&self, apps: &[AppGrant], release: &str) -> Result<Option<Shown>, Refused> {
        let release = self.granted(apps, release).await?;
        self.shown(self.driver.deployments.activate(release, Some(self.actor())).await)
    }

    /// Returns a release of this project, if its app is granted.
    async fn granted(&self, apps: &[AppGrant], release: &str) -> Result<Release, Refused> {
        let release = self.driver.deployments.release(self.place.project, release).await?;
        if apps.iter().any(|grant| grant.covers(&release.app)) {
            return Ok(release);
        }
        Err(Refused::Denied(format!(
            "app `{0}` is not granted: to allow it, add `deployments: {{ apps: [\"{0}\"] }}` to this plugin's `grants` \
             in `.kiket/plugins.yaml`",
            release.app
        )))
    }

    fn actor(&self) -> Actor {
        let place = &self.place;
        Actor { run: place.run, stage: place.stage.to_string(), held: place.held.clone() }
    }

    fn shown(&self, found: Result<Option<Release>, DeployError>) -> Result<Option<Shown>, Refused> {
        Ok(found?.as_ref().map(|found| self.show(found)))
    }

    fn show(&self, release: &Release) -> Shown {
        Shown {
            id: release.id.to_string(),
            app: release.app.clone(),
            artifact: release.artifact.clone(),
            url: self.driver.deployments.url(release).unwrap_or_default(),
            live_url: self.driver.deployments.live_url(&release.project_name, &release.app).unwrap_or_default(),
        }
    }
}

/// What the guest is told.
fn answer<T>(result: Result<T, Refused>) -> Answer<T, Error> {
    Ok(match result {
        Ok(found) => Ok(found),
        Err(Refused::Denied(reason)) => Err(Error::Denied(reason)),
        Err(Refused::Deployment(error)) => match error {
            DeployError::NotFound(reason) => Err(Error::NotFound(reason)),
            DeployError::Invalid(reason) => Err(Error::Invalid(reason)),
            DeployError::Failed(reason) => Err(Error::Failed(reason)),
            DeployError::Lost => return Err(Lost::new(error.to_string())),
            DeployError::Store(error) => {
                tracing::error!(%error, "a call about a deployment cannot be answered");
                return Err(Lost::new("the store does not answer"));
            }
        },
    })
}

/// The same of an effect. The store is ours: what it answers is what happened.
fn tried<T>(result: Result<T, Refused>) -> Result<Tried<T, Error>, Lost> {
    answer(result).map(Tried::certain)
}

impl From<DeployError> for Refused {
    fn from(error: DeployError) -> Self {
        Self::Deployment(error)
    }
}
