//! A private copy of the commit's files. Needs a grant `workspace`.
//!
//! Every attempt has one of its own, gone when the attempt has ended. Paths are relative, with `/` between names, and
//! never lead out of it; `""` is its root.
//!
//! ```no_run
//! # use kiket_plugin::{Failure, log, workspace};
//! # fn call() -> Result<(), Failure> {
//! let version = workspace::read_to_string("VERSION")?;
//! workspace::write("dist/version.txt", version.trim())?;
//! for entry in workspace::entries("dist")? {
//!     log::info!("{} has {} bytes", entry.name, entry.size);
//! }
//! # Ok(())
//! # }
//! ```

mod error;

pub use error::Error;

use crate::host::workspace as host;

/// Largest part of a file that is read at once, in bytes.
const PART: u32 = 4 << 20;

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link; it is never followed out of the workspace.
    Link,
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its name, without the folder's.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// A file's size in bytes.
    pub size: u64,
    /// Whether a file may be executed.
    pub executable: bool,
}

/// The entries of a folder in the order of their names; at most 10,000.
pub fn entries(path: &str) -> Result<Vec<Entry>, Error> {
    Ok(host::entries(path)?.into_iter().map(Entry::from).collect())
}

/// A whole file. It has to fit into the plugin's memory; [`read_part`] reads one that does not.
pub fn read(path: &str) -> Result<Vec<u8>, Error> {
    crate::parts::join(PART, |offset| read_part(path, offset, PART))
}

/// A whole file as text; one that is not UTF-8 is [`Error::Invalid`].
pub fn read_to_string(path: &str) -> Result<String, Error> {
    String::from_utf8(read(path)?).map_err(|_| Error::Invalid(format!("`{path}` is not UTF-8")))
}

/// A part of a file: as many of `length` bytes as there are from `offset` on, at most 4 MiB.
pub fn read_part(path: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
    Ok(host::read(path, offset, length)?)
}

/// Writes a file and the folders it lies in; what was there is replaced.
pub fn write(path: &str, content: impl AsRef<[u8]>) -> Result<(), Error> {
    Ok(host::write(path, content.as_ref())?)
}

/// Adds to the end of a file.
pub fn append(path: &str, content: impl AsRef<[u8]>) -> Result<(), Error> {
    Ok(host::append(path, content.as_ref())?)
}

/// Says whether a file may be executed.
pub fn set_executable(path: &str, executable: bool) -> Result<(), Error> {
    Ok(host::set_executable(path, executable)?)
}

/// Removes a file, or a folder with everything in it.
pub fn remove(path: &str) -> Result<(), Error> {
    Ok(host::remove(path)?)
}

impl From<host::Entry> for Entry {
    fn from(entry: host::Entry) -> Self {
        let kind = match entry.kind {
            host::Kind::File => Kind::File,
            host::Kind::Folder => Kind::Folder,
            host::Kind::Link => Kind::Link,
        };
        Self { name: entry.name, kind, size: entry.size, executable: entry.executable }
    }
}
