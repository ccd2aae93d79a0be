//! What a guest does with the files of its workspace.
//!
//! Every path is used with the folder's handle: links inside are followed, nothing leads out. Files are opened without
//! waiting, and only ordinary ones are read or written: a program may have left a pipe in their place.

use std::collections::BinaryHeap;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use cap_fs_ext::OpenOptionsSyncExt as _;
use cap_std::fs::{Dir, File, MetadataExt as _, OpenOptions, Permissions, PermissionsExt as _};

use super::{Files, Inside, WorkspaceError, clear, failed};

/// Most entries of a folder that are listed.
const LISTED: usize = 10_000;
/// A link that leads to itself (`ELOOP`), and a pipe that nobody reads (`ENXIO`).
const NO_FILES: [i32; 2] = [40, 6];

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
}

/// One entry of a folder, ordered by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Kind,
    /// A file's size in bytes.
    pub(crate) size: u64,
    /// Whether a file may be executed.
    pub(crate) executable: bool,
}

impl Files<'_> {
    /// Lists the first [`LISTED`] entries of a folder by name. What has a name that is no text, or is neither a file
    /// nor a folder nor a link, is left out.
    pub(crate) fn entries(&self, path: &Inside) -> Result<Vec<Entry>, WorkspaceError> {
        let refuse = |error| refused(path, &error);
        let mut first = BinaryHeap::new();
        for entry in self.root().read_dir(path.as_path()).map_err(refuse)? {
            let entry = entry.map_err(refuse)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let metadata = match entry.metadata() {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                metadata => metadata.map_err(refuse)?,
            };
            let kind = match metadata.file_type() {
                kind if kind.is_file() => Kind::File,
                kind if kind.is_dir() => Kind::Folder,
                kind if kind.is_symlink() => Kind::Link,
                _ => continue,
            };
            let is_file = kind == Kind::File;
            let executable = is_file && metadata.permissions().mode() & 0o111 != 0;
            first.push(Entry { name, kind, size: if is_file { metadata.len() } else { 0 }, executable });
            if first.len() > LISTED {
                first.pop();
            }
        }
        Ok(first.into_sorted_vec())
    }

    /// Reads a part of a file.
    pub(crate) fn read(&self, path: &Inside, offset: u64, length: u32) -> Result<Vec<u8>, WorkspaceError> {
        let (mut file, size) = self.open(path, OpenOptions::new().read(true))?;
        let length = u64::from(length).min(size.saturating_sub(offset));
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        let read = || {
            file.seek(SeekFrom::Start(offset))?;
            file.take(length).read_to_end(&mut bytes)
        };
        read().map_err(|error| refused(path, &error))?;
        Ok(bytes)
    }

    /// Writes a file anew, and the folders it lies in.
    pub(crate) fn write(&mut self, path: &Inside, content: &[u8], quota: u64) -> Result<(), WorkspaceError> {
        if path.is_root() {
            return Err(WorkspaceError::Invalid("the root of the workspace is a folder".to_owned()));
        }
        // What was there is emptied only when there is room for what takes its place.
        let there = self.root().metadata(path.as_path());
        self.make_room(there.map_or(0, |metadata| metadata.len()), content.len() as u64, quota)?;
        if let Some(folder) = path.as_path().parent().filter(|folder| *folder != Path::new("")) {
            self.root().create_dir_all(folder).map_err(|error| refused(path, &error))?;
        }
        let (mut file, before) = self.open(path, OpenOptions::new().write(true).create(true))?;
        let written = file.set_len(0).and_then(|()| file.write_all(content));
        self.count(&file, before);
        written.map_err(|error| refused(path, &error))
    }

    /// Adds to the end of a file that is there.
    pub(crate) fn append(&mut self, path: &Inside, content: &[u8], quota: u64) -> Result<(), WorkspaceError> {
        let (mut file, before) = self.open(path, OpenOptions::new().append(true))?;
        self.make_room(0, content.len() as u64, quota)?;
        let written = file.write_all(content);
        self.count(&file, before);
        written.map_err(|error| refused(path, &error))
    }

    /// Makes a file executable or not.
    pub(crate) fn set_executable(&self, path: &Inside, executable: bool) -> Result<(), WorkspaceError> {
        let (file, _) = self.open(path, OpenOptions::new().read(true))?;
        let mode = if executable { 0o755 } else { 0o644 };
        file.set_permissions(Permissions::from_mode(mode)).map_err(|error| refused(path, &error))
    }

    /// Removes a file, a link, or a folder with everything in it.
    pub(crate) fn remove(&mut self, path: &Inside) -> Result<(), WorkspaceError> {
        if path.is_root() {
            return Err(WorkspaceError::Invalid("the root of the workspace cannot be removed".to_owned()));
        }
        let refuse = |error| refused(path, &error);
        let metadata = self.root().symlink_metadata(path.as_path()).map_err(refuse)?;
        if !metadata.is_dir() {
            self.root().remove_file(path.as_path()).map_err(refuse)?;
            if metadata.is_file() && metadata.nlink() < 2 {
                self.state.used = self.state.used.saturating_sub(metadata.len());
            }
            return Ok(());
        }
        let (folder, name) = (path.as_path().parent(), path.as_path().file_name().unwrap_or_default());
        let folder = folder.filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let folder = self.root().open_dir(folder).map_err(refuse)?;
        clear::entry(&folder, name).map_err(refuse)?;
        self.settle(u64::MAX).map(drop)
    }

    /// Opens an ordinary file; returns its size as well.
    fn open(&self, path: &Inside, options: &mut OpenOptions) -> Result<(File, u64), WorkspaceError> {
        let opened = self.root().open_with(path.as_path(), options.nonblock(true));
        let file = opened.map_err(|error| refused(path, &error))?;
        let metadata = file.metadata().map_err(|error| refused(path, &error))?;
        if !metadata.is_file() {
            return Err(WorkspaceError::Invalid(format!("`{path}` is not a file")));
        }
        Ok((file, metadata.len()))
    }

    /// Whether a folder stands at a path.
    pub(crate) fn is_folder(&self, path: &Inside) -> Result<bool, WorkspaceError> {
        let metadata = self.root().metadata(path.as_path()).map_err(|error| refused(path, &error))?;
        Ok(metadata.is_dir())
    }

    /// Opens a folder.
    pub(crate) fn folder(&self, path: &Inside) -> Result<Dir, WorkspaceError> {
        self.root().open_dir(path.as_path()).map_err(|error| refused(path, &error))
    }

    /// Opens a folder; makes it where there is none.
    pub(crate) fn make_folder(&self, path: &Inside) -> Result<Dir, WorkspaceError> {
        self.root().create_dir_all(path.as_path()).map_err(|error| refused(path, &error))?;
        self.folder(path)
    }

    /// Opens a file to read it whole.
    pub(crate) fn file(&self, path: &Inside) -> Result<File, WorkspaceError> {
        Ok(self.open(path, OpenOptions::new().read(true))?.0)
    }

    /// Returns the path of a folder from the root without links.
    pub(crate) fn real_folder(&self, path: &Inside) -> Result<PathBuf, WorkspaceError> {
        if !self.is_folder(path)? {
            return Err(WorkspaceError::Invalid(format!("`{path}` is not a folder")));
        }
        self.root().canonicalize(path.as_path()).map_err(|error| refused(path, &error))
    }

    /// Makes sure that `more` bytes fit when `less` are gone.
    fn make_room(&self, less: u64, more: u64, quota: u64) -> Result<(), WorkspaceError> {
        let after = self.state.used.saturating_sub(less).saturating_add(more);
        if after > quota {
            let message = format!("the workspace would hold {after} bytes, and its quota is {quota}");
            return Err(WorkspaceError::OverQuota(message));
        }
        Ok(())
    }

    /// Counts what a file holds now instead of what it held before.
    fn count(&mut self, file: &File, before: u64) {
        let now = file.metadata().map_or(before, |metadata| metadata.len());
        self.state.used = self.state.used.saturating_sub(before).saturating_add(now);
    }
}

/// Says what the system's refusal means for a path.
pub(super) fn refused(path: &Inside, error: &io::Error) -> WorkspaceError {
    match error.kind() {
        ErrorKind::NotFound => WorkspaceError::NotFound(format!("there is nothing at `{path}`")),
        // The folder handle's own refusal is no error of the system.
        ErrorKind::PermissionDenied if error.raw_os_error().is_none() => {
            WorkspaceError::Invalid(format!("`{path}` leads out of the workspace"))
        }
        // Something stands where a folder would have to: a file, or a link that leads nowhere or out.
        ErrorKind::AlreadyExists
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidFilename
        | ErrorKind::InvalidInput => WorkspaceError::Invalid(format!("`{path}`: {error}")),
        _ if error.raw_os_error().is_some_and(|code| NO_FILES.contains(&code)) => {
            WorkspaceError::Invalid(format!("`{path}`: {error}"))
        }
        _ => failed(&format!("`{path}`"), error),
    }
}
