//! How much a workspace holds.
//!
//! Sizes are those that files show, so a file with holes counts whole; one with several names counts once. No link is
//! followed. It may be measured while programs change it: what vanishes meanwhile is not counted.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use cap_fs_ext::DirExt as _;
use cap_std::fs::{Dir, MetadataExt as _, Permissions, PermissionsExt as _, ReadDir};

/// Most files, folders and links: each takes its place on the disk, even an empty one.
const ENTRIES: usize = 500_000;
/// Most levels of folders.
const DEPTH: usize = 256;

/// Adds up the files below a folder; the inner error says what there is too much of.
///
/// # Errors
/// The disk refused.
pub(super) fn of(root: &Dir, quota: u64) -> io::Result<Result<u64, String>> {
    let (mut bytes, mut entries) = (0_u64, 0);
    let mut linked = HashSet::new();
    let mut open = vec![(PathBuf::from("."), 0)];
    while let Some((path, depth)) = open.pop() {
        if depth > DEPTH {
            return Ok(Err(format!("the workspace has more than {DEPTH} levels of folders")));
        }
        let listed = match list(root, &path) {
            Ok(entries) => entries,
            Err(error) if has_gone(&error) => continue,
            Err(error) if error.kind() == ErrorKind::InvalidFilename => {
                return Ok(Err("the workspace has paths that are too long for the system".to_owned()));
            }
            Err(error) => return Err(error),
        };
        for entry in listed {
            let entry = entry?;
            entries += 1;
            if entries > ENTRIES {
                return Ok(Err(format!("the workspace holds more than {ENTRIES} files and folders")));
            }
            if entry.file_type()?.is_dir() {
                open.push((path.join(entry.file_name()), depth + 1));
                continue;
            }
            let metadata = match entry.metadata() {
                Err(error) if has_gone(&error) => continue,
                metadata => metadata?,
            };
            let first = metadata.nlink() < 2 || linked.insert((metadata.dev(), metadata.ino()));
            if metadata.is_file() && first {
                bytes = bytes.saturating_add(metadata.len());
            }
        }
        if bytes > quota {
            return Ok(Err(format!("the workspace holds more than its quota of {quota} bytes")));
        }
    }
    Ok(Ok(bytes))
}

/// Lists a folder; a program may have taken away the right to look into it.
fn list(root: &Dir, path: &Path) -> io::Result<ReadDir> {
    let list = || root.open_dir_nofollow(path)?.entries();
    match list() {
        Err(error) if error.raw_os_error().is_some() && error.kind() == ErrorKind::PermissionDenied => {
            root.set_permissions(path, Permissions::from_mode(0o700))?;
            list()
        }
        listed => listed,
    }
}

fn has_gone(error: &io::Error) -> bool {
    // A folder that was exchanged for something else is gone as well; so is one whose path leads out by now.
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || error.raw_os_error().is_none() && error.kind() == ErrorKind::PermissionDenied
}
