//! From the workspace into an artifact. A folder becomes a tar archive that depends on its content alone: entries in
//! the order of their paths, no times, no owners, and of the modes only whether a file may be executed.
//!
//! An archive holds files, folders, and links that stay inside it; anything else cannot be kept.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::fs::{Dir, OpenOptions, PermissionsExt as _};
use kiket_sync::stays_inside;
use tar::{Builder, EntryType, Header};

use super::{ArtifactError, Incoming};

/// Most entries of an archive.
pub(super) const ENTRIES: usize = 100_000;
/// Most levels of folders.
pub(super) const DEPTH: usize = 128;

/// What is packed at a path.
enum Packed {
    Folder,
    File { executable: bool, size: u64 },
    Link { target: PathBuf },
}

/// Takes in a file as it is.
///
/// # Errors
/// [`ArtifactError::OverQuota`] where it is larger than may be taken in; [`ArtifactError::Failed`].
pub(crate) fn pack_file(mut file: impl Read, into: &mut Incoming) -> Result<(), ArtifactError> {
    let copied = io::copy(&mut file, into).map(drop);
    copied.map_err(|error| refused(into, &error))
}

/// Takes in a folder and everything in it as an archive.
///
/// # Errors
/// As [`pack_file`], and [`ArtifactError::Invalid`] for what cannot be in an archive.
pub(crate) fn pack_folder(folder: &Dir, into: &mut Incoming) -> Result<(), ArtifactError> {
    let entries = survey(folder)?;
    let written = archive(folder, &entries, into);
    written.map_err(|error| refused(into, &error))
}

/// Finds everything below a folder, in the order of the paths.
fn survey(folder: &Dir) -> Result<Vec<(PathBuf, Packed)>, ArtifactError> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(path) = open.pop() {
        let inner = if path.as_os_str().is_empty() { folder.try_clone() } else { folder.open_dir_nofollow(&path) };
        let depth = path.components().count();
        for entry in inner?.entries()? {
            let entry = entry?;
            let path = path.join(entry.file_name());
            let metadata = entry.metadata()?;
            let packed = if metadata.is_dir() {
                open.push(path.clone());
                Packed::Folder
            } else if metadata.is_file() {
                Packed::File { executable: metadata.permissions().mode() & 0o111 != 0, size: metadata.len() }
            } else if metadata.is_symlink() {
                let target = folder.read_link_contents(&path)?;
                if !target.to_str().is_some_and(|target| stays_inside(depth, target)) {
                    return Err(invalid(&path, "is a link that may lead out of what is kept"));
                }
                Packed::Link { target }
            } else {
                return Err(invalid(&path, "is neither a file nor a folder nor a link"));
            };
            found.push((path, packed));
            if found.len() > ENTRIES || depth >= DEPTH {
                let message = format!("an artifact has at most {ENTRIES} entries and {DEPTH} levels of folders");
                return Err(ArtifactError::Invalid(message));
            }
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

fn archive(folder: &Dir, entries: &[(PathBuf, Packed)], into: &mut Incoming) -> io::Result<()> {
    let mut builder = Builder::new(into);
    for (path, packed) in entries {
        match packed {
            Packed::Folder => builder.append_data(&mut header(EntryType::Directory, 0o755, 0), path, io::empty())?,
            Packed::Link { target } => {
                builder.append_link(&mut header(EntryType::Symlink, 0o777, 0), path, target)?;
            }
            Packed::File { executable, size } => {
                let mut options = OpenOptions::new();
                options.read(true).nonblock(true).follow(FollowSymlinks::No);
                let mut content = Exactly { file: folder.open_with(path, &options)?, left: *size };
                let mode = if *executable { 0o755 } else { 0o644 };
                builder.append_data(&mut header(EntryType::Regular, mode, *size), path, &mut content)?;
                if content.left > 0 {
                    return Err(io::Error::other(format!("`{}` has changed while it was kept", path.display())));
                }
            }
        }
    }
    builder.into_inner()?.flush()
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// As many bytes of a file as were announced.
struct Exactly<R> {
    file: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.by_ref().take(self.left).read(buffer)?;
        self.left -= read as u64;
        Ok(read)
    }
}

fn invalid(path: &Path, why: &str) -> ArtifactError {
    ArtifactError::Invalid(format!("`{}` {why}", path.display()))
}

fn refused(into: &Incoming, error: &io::Error) -> ArtifactError {
    let message = error.to_string();
    if into.is_over() { ArtifactError::OverQuota(message) } else { ArtifactError::Failed(message) }
}
