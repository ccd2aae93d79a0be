//! `artifacts`: what the attempt keeps for its project, and what it finds there.

use std::borrow::Cow;
use std::io::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use kiket_host::wit::artifacts::{Artifact, Error, Kind};
use kiket_host::{Answer, ArtifactCalls, ArtifactsGrant, Lost, WorkspaceGrant};
use kiket_store::{ArtifactKind, ArtifactRow};

use super::Calls;
use crate::artifacts::{ArtifactError, Artifacts, Incoming, pack_file, pack_folder, unpack_file, unpack_folder};
use crate::workspaces::{Files, Inside, WorkspaceError};

#[async_trait]
impl ArtifactCalls for Calls {
    async fn artifact_put(&self, grant: ArtifactsGrant, name: String, content: Vec<u8>) -> Answer<Artifact, Error> {
        answer(self.perform_put(grant, &name, content).await)
    }

    async fn artifact_keep(
        &self,
        grant: ArtifactsGrant,
        files: WorkspaceGrant,
        name: String,
        path: String,
    ) -> Answer<Artifact, Error> {
        answer(self.perform_keep(grant, files, &name, path).await)
    }

    async fn artifact_find(&self, digest: String) -> Answer<Artifact, Error> {
        answer(self.driver.artifacts.find(self.place.project, &digest).await.map(described).map_err(Failed::Artifact))
    }

    async fn artifact_newest(&self, name: String) -> Answer<Artifact, Error> {
        // Another run may keep a newer one at any time: an attempt that goes on after a crash goes on with this one.
        let find = async {
            answer(
                self.driver.artifacts.newest(self.place.project, &name).await.map(described).map_err(Failed::Artifact),
            )
        };
        self.effects.read("artifacts.newest", &name, find).await
    }

    async fn artifact_read(&self, digest: String, offset: u64, length: u32) -> Answer<Vec<u8>, Error> {
        answer(self.driver.artifacts.read(self.place.project, &digest, offset, length).await.map_err(Failed::Artifact))
    }

    async fn artifact_place(&self, files: WorkspaceGrant, digest: String, path: String) -> Answer<(), Error> {
        answer(self.perform_place(files, &digest, path).await)
    }
}

/// Why nothing came of it.
enum Failed {
    Artifact(ArtifactError),
    Workspace(WorkspaceError),
    Lost(Lost),
}

impl Calls {
    /// The name that an artifact is kept under: what comes of a stranger's commit has its own, which nobody finds by
    /// looking for the newest.
    fn own_name<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if self.is_strangers() { format!("fork/{}/{name}", self.place.run).into() } else { name.into() }
    }

    async fn perform_put(&self, grant: ArtifactsGrant, name: &str, content: Vec<u8>) -> Result<Artifact, Failed> {
        let artifacts = Arc::clone(&self.driver.artifacts);
        let taken = tokio::task::spawn_blocking(move || {
            let mut incoming = incoming(&artifacts, grant)?;
            pack_file(content.as_slice(), &mut incoming).map(|()| incoming)
        });
        let incoming = taken.await.unwrap_or_else(|panic| Err(ArtifactError::Failed(panic.to_string())))?;
        let row = self
            .driver
            .artifacts
            .keep(&self.keeper(), &self.own_name(name), ArtifactKind::File, incoming, grant.quota)
            .await?;
        Ok(described(row))
    }

    async fn perform_keep(
        &self,
        grant: ArtifactsGrant,
        files: WorkspaceGrant,
        name: &str,
        path: String,
    ) -> Result<Artifact, Failed> {
        let workspace = self.files(files).await??;
        let artifacts = Arc::clone(&self.driver.artifacts);
        let packed = workspace.within(move |files| {
            let path = Inside::parse(&path)?;
            Ok(pack(files, &path, || incoming(&artifacts, grant)))
        });
        let (kind, incoming) = packed.await??;
        let row = self.driver.artifacts.keep(&self.keeper(), &self.own_name(name), kind, incoming, grant.quota).await?;
        Ok(described(row))
    }

    async fn perform_place(&self, grant: WorkspaceGrant, digest: &str, path: String) -> Result<(), Failed> {
        let (row, content) = self.driver.artifacts.open_content(self.place.project, digest).await?;
        let workspace = self.files(grant).await??;
        let placed = workspace.within(move |files| {
            let path = Inside::parse(&path)?;
            let room = files.room(grant.quota);
            let unpacked = match row.kind {
                ArtifactKind::File if path.is_root() => {
                    Err(ArtifactError::Invalid("a file is placed at a path, not at the root".to_owned()))
                }
                ArtifactKind::File => unpack_file(content, files.root(), path.as_path(), room),
                ArtifactKind::Folder => unpack(files, &path, content, room),
            };
            // What a failed attempt has written counts as well.
            let settled = files.settle(grant.quota).map(drop);
            Ok(unpacked.map_err(Failed::Artifact).and(settled.map_err(Failed::Workspace)))
        });
        placed.await?
    }
}

/// Takes in what stands at a path.
fn pack(
    files: &Files<'_>,
    path: &Inside,
    incoming: impl FnOnce() -> Result<Incoming, ArtifactError>,
) -> Result<(ArtifactKind, Incoming), Failed> {
    if files.is_folder(path)? {
        let folder = files.folder(path)?;
        let mut incoming = incoming()?;
        pack_folder(&folder, &mut incoming)?;
        return Ok((ArtifactKind::Folder, incoming));
    }
    let file = files.file(path)?;
    let mut incoming = incoming()?;
    pack_file(file, &mut incoming)?;
    incoming.flush().map_err(ArtifactError::from)?;
    Ok((ArtifactKind::File, incoming))
}

fn unpack(files: &Files<'_>, path: &Inside, content: std::fs::File, room: u64) -> Result<(), ArtifactError> {
    let folder = files.make_folder(path).map_err(|error| match error {
        WorkspaceError::Failed(message) => ArtifactError::Failed(message),
        other => ArtifactError::Invalid(other.to_string()),
    })?;
    unpack_folder(content, &folder, room)
}

fn incoming(artifacts: &Artifacts, grant: ArtifactsGrant) -> Result<Incoming, ArtifactError> {
    Ok(artifacts.incoming(grant.quota)?)
}

fn described(row: ArtifactRow) -> Artifact {
    let kind = match row.kind {
        ArtifactKind::File => Kind::File,
        ArtifactKind::Folder => Kind::Folder,
    };
    Artifact { digest: row.digest, name: row.name, kind, size: row.size }
}

fn answer<T>(result: Result<T, Failed>) -> Answer<T, Error> {
    Ok(Err(match result {
        Ok(done) => return Ok(Ok(done)),
        Err(Failed::Lost(lost)) => return Err(lost),
        Err(Failed::Artifact(ArtifactError::Lost)) => return Err(Lost::new(ArtifactError::Lost.to_string())),
        Err(Failed::Artifact(error)) => match error {
            ArtifactError::NotFound(message) => Error::NotFound(message),
            ArtifactError::Invalid(message) => Error::Invalid(message),
            ArtifactError::OverQuota(message) => Error::OverQuota(message),
            ArtifactError::Failed(_) | ArtifactError::Lost => Error::Failed(error.to_string()),
        },
        Err(Failed::Workspace(error)) => match error {
            WorkspaceError::NoFiles(message) => Error::Denied(message),
            WorkspaceError::NotFound(message) => Error::NotFound(message),
            WorkspaceError::Invalid(message) => Error::Invalid(message),
            WorkspaceError::OverQuota(message) => Error::OverQuota(message),
            WorkspaceError::Failed(message) => Error::Failed(message),
        },
    }))
}

impl From<ArtifactError> for Failed {
    fn from(error: ArtifactError) -> Self {
        Self::Artifact(error)
    }
}

impl From<WorkspaceError> for Failed {
    fn from(error: WorkspaceError) -> Self {
        Self::Workspace(error)
    }
}

impl From<Lost> for Failed {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}
