//! What runs leave behind: files and folders, named by their content, kept per project. Needs a grant `artifacts`.
//!
//! ```no_run
//! # use kiket_plugin::{Failure, artifacts, log};
//! # fn call() -> Result<(), Failure> {
//! let site = artifacts::keep("site", "dist")?;
//! log::info!("{} has {} bytes", site.digest, site.size);
//!
//! artifacts::put("report.txt", "all is well")?;
//! let before = artifacts::newest("site")?;
//! artifacts::place(&before.digest, "before")?;
//! # Ok(())
//! # }
//! ```

mod error;

pub use error::Error;

use crate::host::artifacts as host;

/// Largest part of an artifact that is read at once, in bytes.
const PART: u32 = 4 << 20;

/// What an artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One file.
    File,
    /// A folder with everything in it, kept as a tar archive.
    Folder,
}

/// One artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Artifact {
    /// `sha256:` and 64 hex digits: of the file, or of the archive.
    pub digest: String,
    /// What it was called when it was kept.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Size of the file or of the archive, in bytes.
    pub size: u64,
}

/// Keeps bytes as a file under a name.
pub fn put(name: &str, content: impl AsRef<[u8]>) -> Result<Artifact, Error> {
    Ok(host::put(name, content.as_ref())?.into())
}

/// Keeps a file or a folder of the workspace under a name. Needs the grant `workspace` as well.
pub fn keep(name: &str, path: &str) -> Result<Artifact, Error> {
    Ok(host::keep(name, path)?.into())
}

/// What is known of an artifact.
pub fn find(digest: &str) -> Result<Artifact, Error> {
    Ok(host::find(digest)?.into())
}

/// The newest artifact that this project kept under a name.
pub fn newest(name: &str) -> Result<Artifact, Error> {
    Ok(host::newest(name)?.into())
}

/// A whole file or archive. It has to fit into the plugin's memory; [`read_part`] reads one that does not.
pub fn read(digest: &str) -> Result<Vec<u8>, Error> {
    crate::parts::join(PART, |offset| read_part(digest, offset, PART))
}

/// A part of a file or of an archive: as many of `length` bytes as there are from `offset` on, at most 4 MiB.
pub fn read_part(digest: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
    Ok(host::read(digest, offset, length)?)
}

/// Puts an artifact into the workspace: a file at the path, a folder's content below it. Needs the grant `workspace`
/// with writing as well.
pub fn place(digest: &str, path: &str) -> Result<(), Error> {
    Ok(host::place(digest, path)?)
}

impl From<host::Artifact> for Artifact {
    fn from(artifact: host::Artifact) -> Self {
        let kind = match artifact.kind {
            host::Kind::File => Kind::File,
            host::Kind::Folder => Kind::Folder,
        };
        Self { digest: artifact.digest, name: artifact.name, kind, size: artifact.size }
    }
}
