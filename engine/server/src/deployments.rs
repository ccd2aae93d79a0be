//! Sites that this server puts live: releases of artifacts, and which release of an app is live.
//!
//! A release is an artifact of a project under an address of its own; it never changes. One release of an app is live,
//! and what is live is one row of the store: changing it is the switch. Requests find the live release in memory, where
//! it stands after the commit and not before; each asks once, so no answer is of two releases.
//!
//! This module knows nothing of plugins and attempts. Who may do what is checked by whoever calls it; that a release
//! belongs to the project that asks for it is checked here.

mod address;
mod door;
mod folder;
mod live;
mod serve;
mod sites;
mod unpack;

use std::path::PathBuf;
use std::sync::Arc;

use kiket_core::record::DeploymentEvent;
use kiket_core::{ProjectId, ReleaseId};
use kiket_store::{
    Activation, Actor, ArtifactKind, Change, CommitError, Conflict, NewEvent, NewRelease, Release, Store, StoreError,
};

pub(crate) use address::Addresses;
pub(crate) use door::Door;
use live::Live;
pub(crate) use serve::serve;
use sites::Sites;
use unpack::UnpackError;

use crate::artifacts::{ArtifactError, Artifacts, Digest};
use crate::clock;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeployError {
    /// There is no such artifact or release.
    #[error("{0}")]
    NotFound(String),
    /// The app's name, the artifact or the path is not one.
    #[error("{0}")]
    Invalid(String),
    /// It could not be done here and now.
    #[error("{0}")]
    Failed(String),
    /// The stage that asks belongs to somebody else by now.
    #[error("the stage belongs to another worker by now")]
    Lost,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The releases of all projects, and the way to them.
pub(crate) struct Deployments {
    store: Store,
    artifacts: Arc<Artifacts>,
    sites: Sites,
    live: Live,
    /// `None` where no sites are served.
    door: Option<Door>,
    /// One switch at a time: what is in memory changes in the order of the commits.
    switching: tokio::sync::Mutex<()>,
}

impl Deployments {
    /// Opens the folder of sites, and unpacks live releases anew whose files are gone.
    pub(crate) async fn open(
        store: Store,
        artifacts: Arc<Artifacts>,
        sites: PathBuf,
        door: Option<Door>,
    ) -> Result<Arc<Self>, DeployError> {
        let unusable = |error| DeployError::Failed(format!("the folder of sites cannot be used: {error}"));
        let this = Self {
            artifacts,
            sites: Sites::open(sites, &store.released_artifacts().await?).map_err(unusable)?,
            live: Live::default(),
            door,
            switching: tokio::sync::Mutex::default(),
            store,
        };
        for live in this.store.live_releases(None).await? {
            if let Err(error) = this.restore(&live.release).await {
                tracing::error!(release.id = %live.release.id, app = live.release.app, %error, "a live site is gone");
            }
            this.live.set(&live.release);
        }
        Ok(Arc::new(this))
    }

    /// Makes a release of an artifact: whole and durable, served at its own address, and not live. The same stage
    /// makes one of an artifact for an app only.
    pub(crate) async fn prepare(
        &self,
        project: ProjectId,
        app: &str,
        artifact: &str,
        by: Option<Actor>,
    ) -> Result<Release, DeployError> {
        self.door()?;
        check_app(app)?;
        let digest: Digest = artifact.parse()?;
        self.unpack(project, &digest).await?;
        let id = ReleaseId::new(clock::ulid());
        let event = DeploymentEvent::Prepared {
            app: app.to_owned(),
            release: id,
            artifact: digest.to_string(),
            run: by.as_ref().map(|by| by.run),
            stage: by.as_ref().map(|by| by.stage.clone()),
        };
        let artifact = digest.to_string();
        let release =
            NewRelease { id, project, app: app.to_owned(), artifact, by, at: clock::now(), event: told(&event) };
        let id = match self.store.commit(vec![Change::Release(release)]).await {
            Ok(_) => id,
            Err(CommitError::Conflict(Conflict::DuplicateRelease { id })) => id,
            Err(error) => return Err(error.into()),
        };
        self.release(project, &id.to_string()).await
    }

    /// Returns a release of a project.
    pub(crate) async fn release(&self, project: ProjectId, id: &str) -> Result<Release, DeployError> {
        let unknown =
            || DeployError::NotFound(format!("there is no release `{}`", id.chars().take(80).collect::<String>()));
        let id: ReleaseId = id.parse().map_err(|_| unknown())?;
        self.store.release(id).await?.filter(|release| release.project == project).ok_or_else(unknown)
    }

    /// Returns the live release of an app.
    pub(crate) async fn live(&self, project: ProjectId, app: &str) -> Result<Option<Release>, DeployError> {
        Ok(self.store.live_release(project, app).await?.map(|live| live.release))
    }

    /// Returns the release of an app to go back to.
    pub(crate) async fn previous(&self, project: ProjectId, app: &str) -> Result<Option<Release>, DeployError> {
        Ok(self.store.previous_release(project, app).await?)
    }

    /// Puts a release live; returns the one that was. Where it is live already nothing changes, and the answer is the
    /// one that was live when it was put there: so asking twice is asking once.
    pub(crate) async fn activate(
        self: &Arc<Self>,
        release: Release,
        by: Option<Actor>,
    ) -> Result<Option<Release>, DeployError> {
        // Long after it was made, its files may have gone the way of whatever can be made again.
        self.restore(&release).await?;
        let this = Arc::clone(self);
        // A caller may go away between the commit and what is in memory; the switch may not.
        let switched = tokio::spawn(async move { this.switch(&release, by).await }).await;
        let previous = switched.map_err(|_| DeployError::Lost)??;
        match previous {
            Some(id) => Ok(self.store.release(id).await?),
            None => Ok(None),
        }
    }

    async fn switch(&self, release: &Release, by: Option<Actor>) -> Result<Option<ReleaseId>, DeployError> {
        let _one_at_a_time = self.switching.lock().await;
        let previous = self.store.live_release(release.project, &release.app).await?.map(|live| live.release.id);
        if previous == Some(release.id) {
            let last = self.store.switches(release.project, &release.app, 1).await?;
            return Ok(last.first().and_then(|switch| switch.previous));
        }
        let event = DeploymentEvent::Activated {
            app: release.app.clone(),
            release: release.id,
            previous,
            run: by.as_ref().map(|by| by.run),
            stage: by.as_ref().map(|by| by.stage.clone()),
        };
        let activation = Activation {
            project: release.project,
            app: release.app.clone(),
            release: release.id,
            previous,
            by,
            at: clock::now(),
            event: told(&event),
        };
        self.store.commit(vec![Change::Activate(activation)]).await?;
        self.live.set(release);
        Ok(previous)
    }

    /// Fetches a path of a release as a visitor would, at the live address where it is live and at its own where it is
    /// not; returns the status.
    pub(crate) async fn probe(&self, release: &Release, path: &str) -> Result<u16, DeployError> {
        let live = self.live.get(&release.project_name, &release.app).is_some_and(|live| live.release == release.id);
        self.door()?.probe(release, live, path).await
    }

    /// Where a release is served; `None` where no sites are.
    pub(crate) fn url(&self, release: &Release) -> Option<String> {
        Some(self.door.as_ref()?.addresses.of_release(&release.project_name, &release.app, release.id))
    }

    /// Where the live release of an app is served; `None` where no sites are.
    pub(crate) fn live_url(&self, project: &str, app: &str) -> Option<String> {
        Some(self.door.as_ref()?.addresses.of_app(project, app))
    }

    fn door(&self) -> Result<&Door, DeployError> {
        self.door.as_ref().ok_or_else(|| {
            DeployError::Failed("no sites are served here: a server does, unless it has --sites-listen off".to_owned())
        })
    }

    /// Puts the files of a release where they are served from, if they are not there.
    async fn restore(&self, release: &Release) -> Result<(), DeployError> {
        let digest = release.artifact.parse()?;
        if self.sites.has(&digest) { Ok(()) } else { self.unpack(release.project, &digest).await }
    }

    /// Puts the files of an artifact that the project has where they are served from, if they are not there.
    async fn unpack(&self, project: ProjectId, digest: &Digest) -> Result<(), DeployError> {
        let (row, archive) = self.artifacts.open_content(project, &digest.to_string()).await?;
        if row.kind != ArtifactKind::Folder {
            return Err(DeployError::Invalid(format!("a site is a folder, and artifact {digest} is a file")));
        }
        Ok(self.sites.add(digest, archive).await?)
    }
}

fn told(event: &DeploymentEvent) -> NewEvent {
    let data = serde_json::to_string(event).expect("events are plain data");
    NewEvent { kind: event.kind().into(), stage: None, data }
}

/// An app is a label of a host name and a part of a path.
fn check_app(app: &str) -> Result<(), DeployError> {
    let first = app.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let rest = app.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if first && rest && app.len() <= 63 {
        return Ok(());
    }
    let message = "an app's name has at most 63 of a-z, 0-9 and -, and begins with a letter";
    Err(DeployError::Invalid(message.to_owned()))
}

impl From<ArtifactError> for DeployError {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::NotFound(reason) => Self::NotFound(reason),
            ArtifactError::Invalid(reason) => Self::Invalid(reason),
            ArtifactError::OverQuota(reason) | ArtifactError::Failed(reason) => Self::Failed(reason),
            ArtifactError::Lost => Self::Lost,
        }
    }
}

impl From<UnpackError> for DeployError {
    fn from(error: UnpackError) -> Self {
        match error {
            UnpackError::Refused(_) => Self::Invalid(error.to_string()),
            UnpackError::Disk(_) => Self::Failed(error.to_string()),
        }
    }
}

impl From<CommitError> for DeployError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(Conflict::FenceLost { .. }) => Self::Lost,
            CommitError::Conflict(conflict) => Self::Failed(conflict.to_string()),
            CommitError::Store(error) => Self::Store(error),
        }
    }
}
