//! Removing a folder that a hostile program has filled.
//!
//! Neither memory, nor the stack, nor open files grow with how deep it is: what lies in a folder's folders is moved up
//! one level before they are removed. Every step is taken from a folder handle and follows no link, so a program that
//! has not quite ended can exchange what it likes.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread;
use std::time::Duration;

use cap_fs_ext::DirExt as _;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirEntry, Permissions, PermissionsExt as _};

/// Most times that a folder is gone through: as deep as anybody can make folders in the time a program has.
const PASSES: usize = 1_000_000;
/// How often a folder is emptied that is not empty again, and how long after.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// Removes a folder and all that is in it; nothing where there is none.
///
/// # Errors
/// Something in it cannot be removed; everything else is.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(ErrorKind::InvalidInput.into());
    };
    let parent = match Dir::open_ambient_dir(parent, ambient_authority()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        parent => parent?,
    };
    entry(&parent, name)
}

/// Removes what is called so in a folder: a file, a link, or a folder with all that is in it; nothing where there is
/// nothing.
///
/// # Errors
/// As [`folder`].
pub(super) fn entry(parent: &Dir, name: &OsStr) -> io::Result<()> {
    match parent.symlink_metadata(name) {
        Ok(metadata) if metadata.is_dir() => folder_in(parent, name),
        Ok(_) => gone(parent.remove_file(name)),
        Err(error) => gone(Err(error)),
    }
}

/// Removes a folder; somebody who is being killed may still write to it.
fn folder_in(parent: &Dir, name: &OsStr) -> io::Result<()> {
    let mut last = Ok(());
    for _ in 0..TRIES {
        contents(&open(parent, name)?)?;
        last = gone(parent.remove_dir(name));
        match &last {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => thread::sleep(PAUSE),
            _ => break,
        }
    }
    last
}

/// Removes all that is in a folder.
fn contents(folder: &Dir) -> io::Result<()> {
    let mut moved = 0;
    for _ in 0..PASSES {
        let (mut found, mut removed, mut last) = (false, false, None);
        for entry in folder.entries()? {
            found = true;
            match remove(folder, &entry?, &mut moved) {
                Ok(()) => removed = true,
                Err(error) => last = Some(error),
            }
        }
        match last {
            _ if !found => return Ok(()),
            Some(error) if !removed => return Err(error),
            _ => {}
        }
    }
    Err(io::Error::other("there is no end to it"))
}

/// Removes one entry; of a folder it moves the folders in it to where it stood itself.
fn remove(folder: &Dir, entry: &DirEntry, moved: &mut u64) -> io::Result<()> {
    let name = entry.file_name();
    if !entry.file_type()?.is_dir() {
        return gone(folder.remove_file(&name));
    }
    let inner = open(folder, &name)?;
    for entry in inner.entries()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            lift(&inner, &entry.file_name(), folder, moved)?;
        } else {
            gone(inner.remove_file(entry.file_name()))?;
        }
    }
    gone(folder.remove_dir(&name))
}

/// Moves a folder to a new name in `to`.
fn lift(from: &Dir, name: &OsStr, to: &Dir, moved: &mut u64) -> io::Result<()> {
    // To be moved it has to be writable, since it holds the way up.
    let _ = open(from, name)?;
    loop {
        *moved += 1;
        match from.rename(name, to, format!(".gone-{moved}")) {
            // Somebody has that name.
            Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory) => {}
            result => return gone(result),
        }
    }
}

/// Opens a folder whose rights somebody may have taken away.
fn open(folder: &Dir, name: &OsStr) -> io::Result<Dir> {
    let opened = folder.open_dir_nofollow(name)?;
    if opened.dir_metadata()?.permissions().mode() & 0o700 == 0o700 {
        return Ok(opened);
    }
    folder.set_permissions(name, Permissions::from_mode(0o700))?;
    folder.open_dir_nofollow(name)
}

/// What is not there any more is removed.
fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
