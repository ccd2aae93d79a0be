//! The definition files below `.kiket/` at one commit.
//!
//! Each file is either in the result with its text, or in it with the reason why
//! it was skipped. A folder that breaks a budget as a whole is an error: half a
//! set of definitions means something else than the set.

use std::collections::HashSet;
use std::fmt;

use git2::{ObjectType, Oid, Repository, Tree};
use kiket_core::Source;

use crate::tree::{Kind, escape_name, plain_name, read_tree, size_of};
use crate::{Limits, SyncError};

const FOLDER: &str = ".kiket";

/// What is below `.kiket/` at one commit, both lists in the order of their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// Every regular file that is UTF-8 text within the limits.
    pub files: Vec<Source>,
    /// Everything else.
    pub skipped: Vec<Skipped>,
}

/// Something that was not read, or not written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Path from the repository's root; unusual characters are shown as escapes.
    pub path: String,
    /// Why.
    pub reason: Skip,
}

/// Why something was not read, or not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// It points elsewhere, and links are not followed.
    SymbolicLink,
    /// It is a link that leads out of the tree, or may.
    LeadsOut,
    /// It is another repository.
    Submodule,
    /// Its name is not UTF-8, or holds a separator, a control character or one
    /// that cannot be seen, or is `.`, `..` or `.git`.
    UnsafeName,
    /// An entry before it has the same name.
    DuplicateName,
    /// It is `.kiket` itself, and not a folder.
    NotAFolder,
    /// It is not UTF-8, or holds a NUL.
    NotText,
    /// It is larger than one file may be.
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
    },
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SymbolicLink => f.write_str("a symbolic link, which is not followed"),
            Self::LeadsOut => f.write_str("a symbolic link that may lead out of the repository"),
            Self::Submodule => f.write_str("a submodule, which is not fetched"),
            Self::UnsafeName => f.write_str("its name is not safe to use as a path"),
            Self::DuplicateName => f.write_str("a second entry with this name"),
            Self::NotAFolder => f.write_str("not a folder"),
            Self::NotText => f.write_str("not UTF-8 text"),
            Self::TooLarge { bytes } => write!(f, "{bytes} bytes are too many for one file"),
        }
    }
}

/// Reads everything below `.kiket/` of a commit's root tree.
pub(crate) fn read(repository: &Repository, root: &Tree<'_>, limits: &Limits) -> Result<Sources, SyncError> {
    let mut reader = Reader { repository, limits, entries: 0, bytes: 0, sources: Sources::default() };
    if let Some(entry) = root.get_name(FOLDER) {
        match Kind::of(&entry) {
            Kind::Folder => reader.read_folder(entry.id(), FOLDER, 1)?,
            Kind::File => reader.skip(FOLDER.to_owned(), Skip::NotAFolder),
            Kind::SymbolicLink => reader.skip(FOLDER.to_owned(), Skip::SymbolicLink),
            Kind::Submodule => reader.skip(FOLDER.to_owned(), Skip::Submodule),
        }
    }
    let mut sources = reader.sources;
    sources.files.sort_by(|one, other| one.path.cmp(&other.path));
    sources.skipped.sort();
    Ok(sources)
}

struct Reader<'a> {
    repository: &'a Repository,
    limits: &'a Limits,
    entries: usize,
    bytes: u64,
    sources: Sources,
}

impl Reader<'_> {
    fn read_folder(&mut self, id: Oid, folder: &str, level: usize) -> Result<(), SyncError> {
        if level > self.limits.depth {
            return Err(too_large("levels of folders below .kiket", self.limits.depth as u64));
        }
        let tree = read_tree(self.repository, id)?;
        let mut names = HashSet::new();
        for entry in &tree {
            self.entries += 1;
            if self.entries > self.limits.entries {
                return Err(too_large("entries below .kiket", self.limits.entries as u64));
            }
            let Some(name) = plain_name(&entry) else {
                self.skip(format!("{folder}/{}", escape_name(&entry)), Skip::UnsafeName);
                continue;
            };
            let path = format!("{folder}/{name}");
            if !names.insert(name.to_owned()) {
                self.skip(path, Skip::DuplicateName);
                continue;
            }
            match Kind::of(&entry) {
                Kind::Folder => self.read_folder(entry.id(), &path, level + 1)?,
                Kind::File => self.read_file(entry.id(), path)?,
                Kind::SymbolicLink => self.skip(path, Skip::SymbolicLink),
                Kind::Submodule => self.skip(path, Skip::Submodule),
            }
        }
        Ok(())
    }

    fn read_file(&mut self, id: Oid, path: String) -> Result<(), SyncError> {
        if let Some(bytes) = size_of(self.repository, id, ObjectType::Blob)?
            && bytes > self.limits.file_bytes
        {
            self.skip(path, Skip::TooLarge { bytes });
            return Ok(());
        }
        let blob = self.repository.find_blob(id)?;
        self.bytes += blob.size() as u64;
        if self.bytes > self.limits.folder_bytes {
            return Err(too_large("bytes below .kiket", self.limits.folder_bytes));
        }
        match std::str::from_utf8(blob.content()) {
            Ok(text) if !text.contains('\0') => self.sources.files.push(Source::new(path, text)),
            _ => self.skip(path, Skip::NotText),
        }
        Ok(())
    }

    fn skip(&mut self, path: String, reason: Skip) {
        self.sources.skipped.push(Skipped { path, reason });
    }
}

fn too_large(what: &'static str, limit: u64) -> SyncError {
    SyncError::TooLarge { what, limit }
}
