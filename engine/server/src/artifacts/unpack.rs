//! From an artifact into the workspace. Archives are ours, and are read as if they were anybody's: a path or a link
//! that leads out, a device, a hard link or a surprise of another kind ends it.
//!
//! Everything that is unpacked is as old as anything can be: whoever compares times takes it to be older than the
//! commit's files, so that a build whose source has changed does not take the cache of another commit for its own.

use std::fs::Permissions;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path};
use std::time::{Duration, SystemTime};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, OpenOptions};
use kiket_sync::stays_inside;
use tar::{Archive, EntryType};

use super::ArtifactError;
use super::pack::{DEPTH, ENTRIES};

/// 1980-01-01, the oldest time that every format of archives can say.
const OLD: Duration = Duration::from_secs(315_532_800);

/// Writes a file at a path, and the folders it lies in; what was there is replaced.
///
/// # Errors
/// [`ArtifactError::OverQuota`] where it has more than `room` bytes; [`ArtifactError::Invalid`] for the path;
/// [`ArtifactError::Failed`].
pub(crate) fn unpack_file(content: impl Read, root: &Dir, path: &Path, room: u64) -> Result<(), ArtifactError> {
    write(content, root, path, false, room).map(drop)
}

/// Unpacks an archive below a folder.
///
/// # Errors
/// As [`unpack_file`]; [`ArtifactError::Invalid`] for what may not be in an archive as well.
pub(crate) fn unpack_folder(archive: impl Read, folder: &Dir, room: u64) -> Result<(), ArtifactError> {
    let mut left = room;
    let mut archive = Archive::new(archive);
    for (count, entry) in archive.entries()?.enumerate() {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        let depth = path.components().count();
        if !plain || depth == 0 || depth > DEPTH + 1 {
            return Err(invalid(&path, "leads out of the artifact, or nowhere"));
        }
        if count >= ENTRIES {
            return Err(ArtifactError::Invalid(format!("an artifact has at most {ENTRIES} entries")));
        }
        match entry.header().entry_type() {
            EntryType::Directory => folder.create_dir_all(&path).map_err(|error| refused(&path, &error))?,
            EntryType::Regular => {
                let executable = entry.header().mode()? & 0o111 != 0;
                left -= write(&mut entry, folder, &path, executable, left)?;
            }
            EntryType::Symlink => {
                let target = entry.link_name()?.unwrap_or_default().into_owned();
                let inside = target.to_str().is_some_and(|target| stays_inside(depth - 1, target));
                if !inside {
                    return Err(invalid(&path, "is a link that may lead out of the artifact"));
                }
                make_way(folder, &path)?;
                folder.symlink(&target, &path).map_err(|error| refused(&path, &error))?;
            }
            _ => return Err(invalid(&path, "is neither a file nor a folder nor a link")),
        }
    }
    Ok(())
}

/// Writes a file; returns how many bytes.
fn write(mut content: impl Read, root: &Dir, path: &Path, executable: bool, room: u64) -> Result<u64, ArtifactError> {
    make_way(root, path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).follow(FollowSymlinks::No);
    let refuse = |error: io::Error| refused(path, &error);
    let mut file = root.open_with(path, &options).map_err(refuse)?.into_std();
    let written = io::copy(&mut content.by_ref().take(room), &mut file).map_err(refuse)?;
    if io::copy(&mut content.take(1), &mut io::sink()).map_err(refuse)? > 0 {
        return Err(ArtifactError::OverQuota(format!("the workspace has room for {room} bytes more")));
    }
    let mode = if executable { 0o755 } else { 0o644 };
    file.flush().map_err(refuse)?;
    file.set_permissions(Permissions::from_mode(mode)).map_err(refuse)?;
    file.set_modified(SystemTime::UNIX_EPOCH + OLD).map_err(refuse)?;
    Ok(written)
}

/// Makes the folders of a path, and removes a file or link that stands there.
fn make_way(root: &Dir, path: &Path) -> Result<(), ArtifactError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        root.create_dir_all(folder).map_err(|error| refused(path, &error))?;
    }
    match root.symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(invalid(path, "is a folder already")),
        Ok(_) => root.remove_file(path).map_err(|error| refused(path, &error)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(refused(path, &error)),
    }
}

fn invalid(path: &Path, why: &str) -> ArtifactError {
    let shown: String = path.to_string_lossy().chars().filter(|char| !char.is_control()).take(200).collect();
    ArtifactError::Invalid(format!("`{shown}` {why}"))
}

fn refused(path: &Path, error: &io::Error) -> ArtifactError {
    match error.kind() {
        ErrorKind::PermissionDenied if error.raw_os_error().is_none() => invalid(path, "leads out of the workspace"),
        ErrorKind::AlreadyExists
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidFilename => invalid(path, &format!("cannot be written: {error}")),
        _ => ArtifactError::Failed(format!("{}: {error}", path.display())),
    }
}
