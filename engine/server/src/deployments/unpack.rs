//! From an archive to files. Whoever made the archive is a stranger.
//!
//! Only files and folders come out, below the folder that is named: links, devices and names that lead elsewhere refuse
//! the archive as a whole. What begins with a dot is left out, because it is never served. Everything is on the disk
//! when it is done.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use tar::{Archive, EntryType};

/// How much may come out of one archive.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Files and folders.
    pub(super) entries: usize,
    /// Bytes of all files.
    pub(super) bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 50_000, bytes: 1024 * 1024 * 1024 }
    }
}

/// Longest name, in bytes.
const NAME: usize = 1024;
/// Most folders that one is inside of the other.
const DEPTH: usize = 32;
/// Largest piece of what an archive says of an entry beside its header: long names are there.
const EXTENSION: u64 = 16 * 1024;

/// Why there are no files.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnpackError {
    /// The archive is not one of a site.
    #[error("the artifact cannot be a site: {0}")]
    Refused(String),
    /// The disk refused.
    #[error("the site cannot be written: {0}")]
    Disk(#[from] io::Error),
}

/// Unpacks an archive into a folder that is there and empty. After an error anything may be in it.
pub(super) fn unpack(mut archive: File, into: &Path, limits: &Limits) -> Result<(), UnpackError> {
    inspect(&archive, limits)?;
    archive.rewind()?;
    let mut folders = BTreeSet::from([into.to_owned()]);
    let mut left = limits.bytes;
    let mut archive = Archive::new(archive);
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let name = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| UnpackError::Refused("a name is not UTF-8".to_owned()))?;
        let Some(path) = place(&name)? else { continue };
        let path = into.join(path);
        let folder = if kind == EntryType::Directory { path.as_path() } else { path.parent().unwrap_or(into) };
        make(folder, &mut folders).map_err(|error| clash(&name, error))?;
        if kind == EntryType::Directory {
            continue;
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).open(&path).map_err(|error| clash(&name, error))?;
        let size = entry.size();
        if size > left {
            return Err(too_large(limits));
        }
        left -= size;
        if io::copy(&mut entry.by_ref().take(size), &mut file)? != size {
            return Err(UnpackError::Refused("the archive ends too early".to_owned()));
        }
        file.sync_all()?;
    }
    for folder in folders {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Looks at all headers before anything is written, and before anything large is read into memory.
fn inspect(archive: &File, limits: &Limits) -> Result<(), UnpackError> {
    let mut archive = Archive::new(archive);
    let (mut entries, mut bytes) = (0, 0_u64);
    for entry in archive.entries_with_seek().map_err(unreadable)?.raw(true) {
        let entry = entry.map_err(unreadable)?;
        let size = entry.header().entry_size().map_err(unreadable)?;
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Directory => bytes = bytes.saturating_add(size),
            EntryType::GNULongName | EntryType::XHeader | EntryType::XGlobalHeader if size <= EXTENSION => {}
            other => return Err(UnpackError::Refused(format!("{} is in it", what(other)))),
        }
        entries += 1;
        if entries > limits.entries {
            return Err(UnpackError::Refused(format!("more than {} files and folders are in it", limits.entries)));
        }
        if bytes > limits.bytes {
            return Err(too_large(limits));
        }
    }
    Ok(())
}

/// Where an entry goes, below the folder; `None` for that folder itself and for what is left out.
fn place(name: &str) -> Result<Option<PathBuf>, UnpackError> {
    let refused = |why: &str| {
        let name: String = name.chars().take(100).collect();
        Err(UnpackError::Refused(format!("{name:?} {why}")))
    };
    if name.len() > NAME {
        return refused("is too long a name");
    }
    if name.starts_with('/') || name.split('/').any(|part| part == "..") {
        return refused("leads out of it");
    }
    if name.contains('\\') || name.chars().any(char::is_control) {
        return refused("is no name for a file");
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.len() > DEPTH {
        return refused("is inside of too many folders");
    }
    let hidden = parts.iter().any(|part| part.starts_with('.'));
    Ok((!hidden && !parts.is_empty()).then(|| parts.iter().collect()))
}

/// Makes a folder and those above it, and notes them.
fn make(folder: &Path, known: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    if known.contains(folder) {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make(parent, known)?;
    }
    fs::create_dir(folder)?;
    known.insert(folder.to_owned());
    Ok(())
}

/// An archive may be wrong about what it holds; anything else is the disk's fault.
fn clash(name: &str, error: io::Error) -> UnpackError {
    match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => {
            let name: String = name.chars().take(100).collect();
            UnpackError::Refused(format!("{name:?} cannot be there beside the rest"))
        }
        _ => UnpackError::Disk(error),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn unreadable(error: io::Error) -> UnpackError {
    UnpackError::Refused(format!("it is not a tar archive that can be read ({error})"))
}

fn too_large(limits: &Limits) -> UnpackError {
    UnpackError::Refused(format!("more than {} MiB are in it", limits.bytes / 1024 / 1024))
}

fn what(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink | EntryType::Link | EntryType::GNULongLink => "a link",
        EntryType::Block | EntryType::Char => "a device",
        EntryType::Fifo => "a pipe",
        EntryType::GNULongName | EntryType::XHeader | EntryType::XGlobalHeader => "a header that is too large",
        _ => "something that is neither a file nor a folder",
    }
}

#[cfg(test)]
mod tests;
