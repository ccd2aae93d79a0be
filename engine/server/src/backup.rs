//! Backups: everything of a server that cannot be made again, in one archive, taken while the server runs.
//!
//! ```text
//! kiket.db                      one state of the database
//! plugins/<64 hex>.wasm         every component that is kept
//! artifacts/<aa>/<64 hex>       every artifact that this state names
//! master.key                    only where it was asked for
//! ```
//!
//! That is a data folder: unpacked into an empty one it is what a server starts on. Mirrors, workspaces, sites and
//! compiled code are made again. The database is copied first, so all that it names was there; content never changes.
//!
//! Invariants: the archive has its name only when it is whole, was read back and compared, and is on the disk; no
//! file is ever written over.

mod pack;

use std::io;
use std::path::{Path, PathBuf};

use kiket_store::{Store, StoreError};

pub(crate) use pack::Summary;

/// The database's name, in a data folder and in an archive.
pub(crate) const DATABASE: &str = "kiket.db";

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// There is a file of that name.
    #[error("{} exists, and no file is written over", .0.display())]
    Exists(PathBuf),
    /// The copy of the database is not as it has to be, so neither is the database.
    #[error("the database is damaged (`kiket doctor` says more): {0}")]
    Flawed(String),
    /// What was written is not what was read back.
    #[error("{0} in the archive is not what was written: the disk cannot be trusted")]
    Unlike(String),
    /// The database cannot be copied.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes a backup of a data folder to `file`, with the master key in `key` where there is one to go with it.
///
/// # Errors
/// See [`BackupError`]; nothing lies at `file` then that was not there before.
pub(crate) async fn write(data: &Path, key: Option<PathBuf>, file: &Path) -> Result<Summary, BackupError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::File { path, source }
    };
    let file = std::path::absolute(file).map_err(failed(file))?;
    if file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(file));
    }
    let beside = file.parent().unwrap_or(Path::new("/"));
    // Only its owner may enter it, and it goes with everything in it whatever happens but a kill.
    let work = tempfile::Builder::new().prefix(".kiket-backup-").tempdir_in(beside).map_err(failed(beside))?;
    let database = work.path().join(DATABASE);
    kiket_store::copy(&data.join(DATABASE), &database).await?;
    let copy = Store::inspect(&database).await?;
    let schema = copy.schema().await?;
    // What a database of another version has to look like is for that version to say.
    let flaws = if schema.found == schema.known { copy.integrity().await? } else { copy.file_integrity().await? };
    if let Some(first) = flaws.first() {
        return Err(BackupError::Flawed(first.clone()));
    }
    let artifacts = copy.artifact_digests().await?;
    copy.close().await;
    let (data, folder) = (data.to_owned(), work.path().to_owned());
    let packed = tokio::task::spawn_blocking(move || pack::pack(&data, key.as_deref(), &artifacts, &folder, &file));
    let summary = packed.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    drop(work);
    summary
}
