//! A commit's files in a folder of this machine: the one place where names of a
//! repository become paths.
//!
//! Blobs are written as they are: no filter, no attribute, no hook, no configuration
//! has a say. What cannot be written safely is skipped and named; a budget that is
//! used up is an error, because half a tree means something else than the tree.
//!
//! Invariants: the folder is made here and was not there before; every folder below
//! it is a real one, so no path that is written goes through a link; a link that is
//! made leads to a place inside the tree.

use std::collections::HashSet;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use git2::{FileMode, ObjectType, Oid, Repository, Tree};

use crate::link::stays_inside;
use crate::tree::{Kind, escape_name, plain_name, read_tree, size_of};
use crate::{Skip, Skipped, SyncError};

/// Most bytes of a name that file systems take.
const NAME_BYTES: usize = 255;
/// Most bytes of a path below the folder, so that with the folder it stays what the system takes.
const PATH_BYTES: usize = 2_048;
/// Most bytes of a link's target.
const TARGET_BYTES: u64 = 1_024;

/// What a checkout may cost.
#[derive(Debug, Clone)]
pub struct CheckoutLimits {
    /// Files, folders, links and what was skipped.
    pub entries: usize,
    /// Bytes of all files together.
    pub bytes: u64,
    /// Bytes of one file; they are in memory while it is written.
    pub file_bytes: u64,
    /// Levels of folders.
    pub depth: usize,
}

impl Default for CheckoutLimits {
    /// 100,000 entries, 2 GiB, 256 MiB a file, 64 levels.
    fn default() -> Self {
        Self { entries: 100_000, bytes: 2 << 30, file_bytes: 256 << 20, depth: 64 }
    }
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkout {
    /// How many files and links.
    pub files: usize,
    /// How many bytes the files hold together.
    pub bytes: u64,
    /// What was not written, in the order of the paths.
    pub skipped: Vec<Skipped>,
}

/// Writes a tree into a folder that is made for it.
pub(crate) fn write(
    repository: &Repository,
    root: &Tree<'_>,
    into: &Path,
    limits: &CheckoutLimits,
) -> Result<Checkout, SyncError> {
    make_folder(into)?;
    let mut writer = Writer { repository, limits, into, entries: 0, done: Checkout::default() };
    writer.write_folder(root, "", 0)?;
    let mut done = writer.done;
    done.skipped.sort();
    Ok(done)
}

struct Writer<'a> {
    repository: &'a Repository,
    limits: &'a CheckoutLimits,
    into: &'a Path,
    entries: usize,
    done: Checkout,
}

impl Writer<'_> {
    /// Writes what is in a folder, which is there; `depth` is how many folders lie above it.
    fn write_folder(&mut self, tree: &Tree<'_>, folder: &str, depth: usize) -> Result<(), SyncError> {
        if depth > self.limits.depth {
            return Err(too_large("levels of folders", self.limits.depth as u64));
        }
        let mut names = HashSet::new();
        for entry in tree {
            self.entries += 1;
            if self.entries > self.limits.entries {
                return Err(too_large("entries of the tree", self.limits.entries as u64));
            }
            let Some(name) = plain_name(&entry).filter(|name| name.len() <= NAME_BYTES) else {
                self.skip(join(folder, &escape_name(&entry)), Skip::UnsafeName);
                continue;
            };
            let path = join(folder, name);
            if path.len() > PATH_BYTES {
                return Err(too_large("bytes of one path", PATH_BYTES as u64));
            }
            if !names.insert(name.to_owned()) {
                self.skip(path, Skip::DuplicateName);
                continue;
            }
            match Kind::of(&entry) {
                Kind::Folder => {
                    let tree = read_tree(self.repository, entry.id())?;
                    // Two names may be one to the file system: it has the last word.
                    match make_folder(&self.into.join(&path)) {
                        Err(error) if is_taken(&error) => self.skip(path, Skip::DuplicateName),
                        made => {
                            made?;
                            self.write_folder(&tree, &path, depth + 1)?;
                        }
                    }
                }
                Kind::File => {
                    let executable = entry.filemode() == i32::from(FileMode::BlobExecutable);
                    self.write_file(entry.id(), path, executable)?;
                }
                Kind::SymbolicLink => self.write_link(entry.id(), path, depth)?,
                Kind::Submodule => self.skip(path, Skip::Submodule),
            }
        }
        Ok(())
    }

    fn write_file(&mut self, id: Oid, path: String, executable: bool) -> Result<(), SyncError> {
        let size = size_of(self.repository, id, ObjectType::Blob)?.unwrap_or_default();
        if size > self.limits.file_bytes {
            return Err(too_large("bytes of one file", self.limits.file_bytes));
        }
        if self.done.bytes.saturating_add(size) > self.limits.bytes {
            return Err(too_large("bytes of the tree", self.limits.bytes));
        }
        let blob = self.repository.find_blob(id)?;
        let mode = if executable { 0o755 } else { 0o644 };
        let file = self.into.join(&path);
        match write_new(&file, blob.content(), mode) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.skip(path, Skip::DuplicateName);
                return Ok(());
            }
            Err(source) => return Err(SyncError::Write { path: file, source }),
        }
        self.done.files += 1;
        self.done.bytes += size;
        Ok(())
    }

    fn write_link(&mut self, id: Oid, path: String, depth: usize) -> Result<(), SyncError> {
        let size = size_of(self.repository, id, ObjectType::Blob)?;
        if size.is_none_or(|size| size > TARGET_BYTES) {
            self.skip(path, Skip::LeadsOut);
            return Ok(());
        }
        let blob = self.repository.find_blob(id)?;
        let target = std::str::from_utf8(blob.content()).ok().filter(|target| stays_inside(depth, target));
        let Some(target) = target else {
            self.skip(path, Skip::LeadsOut);
            return Ok(());
        };
        let link = self.into.join(&path);
        match symlink(target, &link) {
            Ok(()) => self.done.files += 1,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.skip(path, Skip::DuplicateName),
            Err(source) => return Err(SyncError::Write { path: link, source }),
        }
        Ok(())
    }

    fn skip(&mut self, path: String, reason: Skip) {
        self.done.skipped.push(Skipped { path, reason });
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn make_folder(path: &Path) -> Result<(), SyncError> {
    let made = fs::create_dir(path).and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o755)));
    made.map_err(|source| SyncError::Write { path: path.to_owned(), source })
}

fn is_taken(error: &SyncError) -> bool {
    matches!(error, SyncError::Write { source, .. } if source.kind() == ErrorKind::AlreadyExists)
}

fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    // The mask of this process has no say either.
    file.set_permissions(Permissions::from_mode(mode))
}

fn too_large(what: &'static str, limit: u64) -> SyncError {
    SyncError::TooLarge { what, limit }
}
