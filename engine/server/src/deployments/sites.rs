//! The files that are served: every artifact of a release, unpacked once, in a folder by its digest.
//!
//! A folder is there whole or not at all, also after a power cut, and never changes.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::unpack::{Limits, UnpackError, unpack};
use crate::artifacts::Digest;
use crate::folders;

/// What the name of a folder begins with that is not finished.
const UNFINISHED: &str = ".part-";

/// The folder of all sites.
#[derive(Debug, Clone)]
pub(super) struct Sites {
    folder: PathBuf,
}

impl Sites {
    /// Opens the folder, and removes what a crash left unfinished and what is of no release: `known` are the artifacts
    /// of all of them.
    pub(super) fn open(folder: PathBuf, known: &BTreeSet<String>) -> io::Result<Self> {
        folders::make(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_digest = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
            if name.starts_with(UNFINISHED) || (is_digest && !known.contains(&format!("sha256:{name}"))) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(Self { folder })
    }

    /// Where the files of an artifact are, or will be.
    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.hex())
    }

    /// Tells whether an artifact is unpacked.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.path(digest).is_dir()
    }

    /// Unpacks the archive of an artifact, if it is not unpacked yet.
    pub(super) async fn add(&self, digest: &Digest, archive: File) -> Result<(), UnpackError> {
        if self.has(digest) {
            return Ok(());
        }
        let (this, target) = (self.clone(), self.path(digest));
        let unpacked = tokio::task::spawn_blocking(move || this.place(archive, &target, &Limits::default())).await;
        unpacked.unwrap_or_else(|panic| Err(UnpackError::Disk(io::Error::other(panic))))
    }

    fn place(&self, archive: File, target: &Path, limits: &Limits) -> Result<(), UnpackError> {
        let part = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(&self.folder)?;
        unpack(archive, part.path(), limits)?;
        match fs::rename(part.path(), target) {
            Ok(()) => _ = TempDir::keep(part),
            // Somebody else was first, with the same files.
            Err(_) if target.is_dir() => {}
            Err(error) => return Err(error.into()),
        }
        Ok(folders::settle(&self.folder)?)
    }
}
