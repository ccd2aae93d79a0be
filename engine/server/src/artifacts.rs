//! Artifacts: what runs leave behind, kept by content.
//!
//! ```text
//! data/artifacts/<aa>/<64 hex>   the bytes, once for all projects
//!               /incoming        what is not whole yet
//! ```
//!
//! A row of the store says that a project has a digest; without one the bytes are not there for it, whoever else has
//! them. Bytes are whole and on the disk before a row names them. What no row names any more is removed: with the last
//! row, when the runs are forgotten that have left them, or at the next start.
//!
//! An artifact whose name begins with `cache/` takes the place of the one before it: a cache is worth its newest state.
//!
//! Not here: who may do what (the gate of the host), and who keeps something (the driver).

mod content;
mod digest;
mod incoming;
mod pack;
#[cfg(test)]
mod tests;
mod unpack;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use kiket_core::{ProjectId, RunId};
use kiket_store::{
    ArtifactKind, ArtifactRow, Change, CommitError, Conflict, ForgetArtifact, Held, KeepArtifact, Store, StoreError,
};
use ulid::Generator;

use crate::clock;

pub(crate) use digest::Digest;
pub(crate) use incoming::Incoming;
pub(crate) use pack::{pack_file, pack_folder};
pub(crate) use unpack::{unpack_file, unpack_folder};

/// Most bytes of a name.
const NAME_BYTES: usize = 256;
/// What the names of caches begin with.
const CACHE: &str = "cache/";
/// Where what is not whole yet lies.
const INCOMING: &str = "incoming";

/// Why something with an artifact was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArtifactError {
    /// There is no such artifact.
    #[error("{0}")]
    NotFound(String),
    /// The name, the digest or what was to be kept is not one.
    #[error("{0}")]
    Invalid(String),
    /// There would be more than the quota.
    #[error("{0}")]
    OverQuota(String),
    /// The disk refused.
    #[error("{0}")]
    Failed(String),
    /// Whoever keeps it has lost its lease.
    #[error("the work belongs to somebody else by now")]
    Lost,
}

/// Who keeps an artifact.
#[derive(Debug, Clone)]
pub(crate) struct Keeper {
    pub(crate) project: ProjectId,
    pub(crate) run: RunId,
    pub(crate) stage: Arc<str>,
    /// The hold under which it is kept.
    pub(crate) held: Option<Held>,
}

/// Where the bytes of a digest lie in the folder of artifacts, if they are there.
pub(crate) fn place_in(folder: &Path, digest: &Digest) -> PathBuf {
    content::place(folder, digest)
}

/// The artifacts of all projects.
pub(crate) struct Artifacts {
    store: Store,
    folder: PathBuf,
    ids: Mutex<Generator>,
    /// Whoever puts bytes into their place, or takes them away, does it alone: between bytes and rows nobody else comes.
    moving: tokio::sync::Mutex<()>,
}

impl Artifacts {
    /// Opens the folder of artifacts, and removes what is nobody's. Nobody else may have the store open.
    ///
    /// # Errors
    /// The folder cannot be used, or the store fails.
    pub(crate) async fn open(store: Store, folder: PathBuf) -> Result<Self, ArtifactError> {
        let known = store.artifact_digests().await?;
        let at = folder.clone();
        off(move || content::sweep(&at, &known)).await?;
        Ok(Self { store, folder, ids: Mutex::new(Generator::new()), moving: tokio::sync::Mutex::default() })
    }

    /// Begins to take in bytes, at most `limit`. Blocks.
    ///
    /// # Errors
    /// The disk refused.
    pub(crate) fn incoming(&self, limit: u64) -> io::Result<Incoming> {
        Incoming::new(&self.folder.join(INCOMING), limit)
    }

    /// Keeps what was taken in, under a name.
    ///
    /// # Errors
    /// [`ArtifactError::Invalid`] for the name; [`ArtifactError::OverQuota`] where all artifacts of the project would
    /// be more than `quota` bytes; [`ArtifactError::Lost`]; [`ArtifactError::Failed`].
    pub(crate) async fn keep(
        &self,
        keeper: &Keeper,
        name: &str,
        kind: ArtifactKind,
        incoming: Incoming,
        quota: u64,
    ) -> Result<ArtifactRow, ArtifactError> {
        check_name(name)?;
        let ready = off(move || incoming.finish()).await?;
        let (digest, size) = (ready.digest.clone(), ready.size);
        let replaces = name.starts_with(CACHE);
        let _alone = self.moving.lock().await;
        let before = if replaces { self.store.newest_artifact(keeper.project, name).await? } else { None };
        let place = content::place(&self.folder, &digest);
        off(move || content::put(ready, &place)).await?;
        let change = KeepArtifact {
            id: self.next_id(),
            project: keeper.project,
            digest: digest.to_string(),
            name: name.to_owned(),
            kind,
            size,
            run: keeper.run,
            stage: keeper.stage.to_string(),
            quota,
            replaces,
            at: clock::now(),
            held: keeper.held.clone(),
        };
        let row = ArtifactRow {
            project: change.project,
            digest: change.digest.clone(),
            name: change.name.clone(),
            kind,
            size,
            run: change.run,
            stage: change.stage.clone(),
            created_at: change.at,
        };
        let kept = self.store.commit(vec![Change::KeepArtifact(change)]).await;
        // Whatever became of it: what nobody has any more goes.
        let other = before.map(|row| row.digest).filter(|before| *before != row.digest);
        for digest in other.into_iter().chain(kept.is_err().then(|| row.digest.clone())) {
            self.remove_if_nobodys(&digest).await?;
        }
        match kept {
            Ok(_) => Ok(row),
            Err(CommitError::Conflict(Conflict::OverQuota { needed, quota })) => {
                let message = format!("the project would keep {needed} bytes of artifacts, and the quota is {quota}");
                Err(ArtifactError::OverQuota(message))
            }
            Err(CommitError::Conflict(_)) => Err(ArtifactError::Lost),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    /// Finds an artifact that the project has.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`], also for one that only other projects have; [`ArtifactError::Invalid`].
    pub(crate) async fn find(&self, project: ProjectId, digest: &str) -> Result<ArtifactRow, ArtifactError> {
        let digest: Digest = digest.parse()?;
        let row = self.store.artifact(project, &digest.to_string()).await?;
        row.ok_or_else(|| ArtifactError::NotFound(format!("there is no artifact {digest}")))
    }

    /// Finds the newest artifact that the project has under a name.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`]; [`ArtifactError::Invalid`].
    pub(crate) async fn newest(&self, project: ProjectId, name: &str) -> Result<ArtifactRow, ArtifactError> {
        check_name(name)?;
        let row = self.store.newest_artifact(project, name).await?;
        row.ok_or_else(|| ArtifactError::NotFound(format!("there is no artifact called `{name}`")))
    }

    /// Opens the bytes of an artifact that the project has.
    ///
    /// # Errors
    /// As [`Artifacts::find`], and [`ArtifactError::Failed`].
    pub(crate) async fn open_content(
        &self,
        project: ProjectId,
        digest: &str,
    ) -> Result<(ArtifactRow, File), ArtifactError> {
        let row = self.find(project, digest).await?;
        let place = content::place(&self.folder, &row.digest.parse()?);
        let file = off(move || File::open(place)).await?;
        Ok((row, file))
    }

    /// Reads a part of an artifact that the project has.
    ///
    /// # Errors
    /// As [`Artifacts::open_content`].
    pub(crate) async fn read(
        &self,
        project: ProjectId,
        digest: &str,
        offset: u64,
        length: u32,
    ) -> Result<Vec<u8>, ArtifactError> {
        let (row, file) = self.open_content(project, digest).await?;
        let length = u64::from(length).min(row.size.saturating_sub(offset));
        off(move || content::read(file, offset, length)).await
    }

    /// Forgets an artifact of a project, under all of its names.
    ///
    /// # Errors
    /// As [`Artifacts::find`].
    pub(crate) async fn forget(&self, project: ProjectId, digest: &str) -> Result<(), ArtifactError> {
        let row = self.find(project, digest).await?;
        let _alone = self.moving.lock().await;
        let change = Change::ForgetArtifact(ForgetArtifact { project, digest: row.digest.clone() });
        match self.store.commit(vec![change]).await {
            Ok(_) => self.remove_if_nobodys(&row.digest).await,
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(CommitError::Conflict(conflict)) => Err(ArtifactError::Failed(conflict.to_string())),
        }
    }

    /// Removes the bytes of those digests that no project has any more.
    ///
    /// # Errors
    /// [`ArtifactError::Failed`]; what is left is removed at the next start.
    pub(crate) async fn let_go(&self, digests: &[String]) -> Result<(), ArtifactError> {
        for digest in digests {
            let _alone = self.moving.lock().await;
            self.remove_if_nobodys(digest).await?;
        }
        Ok(())
    }

    /// Removes the bytes of a digest that no project has. Whoever calls this does it alone.
    async fn remove_if_nobodys(&self, digest: &str) -> Result<(), ArtifactError> {
        if self.store.is_kept(digest).await? {
            return Ok(());
        }
        let place = content::place(&self.folder, &digest.parse()?);
        off(move || content::remove(&place)).await
    }

    fn next_id(&self) -> String {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let id = ids.generate().unwrap_or_else(|overflow| overflow.commit_overflow_increment());
        id.to_string()
    }
}

/// Runs something that blocks where blocking is allowed.
async fn off<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, ArtifactError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(ArtifactError::from),
        Err(panic) => Err(ArtifactError::Failed(panic.to_string())),
    }
}

fn check_name(name: &str) -> Result<(), ArtifactError> {
    let long = name.len() > NAME_BYTES;
    if name.is_empty() || long || name.chars().any(char::is_control) {
        let why = if long { "is longer than 256 bytes" } else { "is empty or holds control characters" };
        return Err(ArtifactError::Invalid(format!("the name of an artifact {why}")));
    }
    Ok(())
}

impl From<io::Error> for ArtifactError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<StoreError> for ArtifactError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}
