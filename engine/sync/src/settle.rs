//! Waiting until what was written to a mirror is on the disk.
//!
//! Git's library does not wait for packs: a reference that outlives its objects would make a mirror useless for good.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The packs that are there before others come.
pub(crate) struct Packs {
    mirror: PathBuf,
    before: BTreeSet<OsString>,
}

impl Packs {
    pub(crate) fn before(mirror: &Path) -> Self {
        let before = names(&mirror.join(PACKS)).unwrap_or_default();
        Self { mirror: mirror.to_owned(), before }
    }

    /// Waits until those that came since are on the disk, and where history was cut off.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn settle_new(self) -> io::Result<()> {
        let folder = self.mirror.join(PACKS);
        let all = names(&folder)?;
        let new: Vec<_> = all.difference(&self.before).collect();
        for name in &new {
            settle(&folder.join(name))?;
        }
        if !new.is_empty() {
            settle(&folder)?;
        }
        match settle(&self.mirror.join(SHALLOW)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => settle(&self.mirror),
        }
    }
}

/// Where Git keeps packs.
const PACKS: &str = "objects/pack";
/// Where it notes at which commits history was cut off.
const SHALLOW: &str = "shallow";

fn names(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// Waits for a file, or for the entries of a folder.
///
/// # Errors
/// What the system says.
pub(crate) fn settle(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Waits for a folder with everything in it.
///
/// # Errors
/// What the system says.
pub(crate) fn settle_all(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            settle_all(&entry.path())?;
        } else {
            settle(&entry.path())?;
        }
    }
    settle(folder)
}
