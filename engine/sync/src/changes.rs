//! Which paths differ between two commits.
//!
//! Compares trees, so it needs no history between the commits. Equal subtrees are
//! passed over unread. A renamed file is two paths: the old one and the new one.

use std::collections::BTreeMap;

use git2::{Oid, Repository};

use crate::tree::{Kind, read_tree};
use crate::{Limits, SyncError};

/// Returns the paths of all files, links and submodules that were added, removed
/// or changed, sorted. Names that are not UTF-8 are shown as well as they can be.
pub(crate) fn between(repository: &Repository, from: Oid, to: Oid, limits: &Limits) -> Result<Vec<String>, SyncError> {
    let mut comparison = Comparison { repository, limits, visited: 0, changed: Vec::new() };
    comparison.compare(Some(from), Some(to), "", 0)?;
    comparison.changed.sort();
    comparison.changed.dedup();
    Ok(comparison.changed)
}

struct Comparison<'a> {
    repository: &'a Repository,
    limits: &'a Limits,
    visited: usize,
    changed: Vec<String>,
}

/// What a folder holds, by name: identity, mode, and whether it is a folder itself.
type Folder = BTreeMap<Vec<u8>, (Oid, i32, bool)>;

impl Comparison<'_> {
    /// Compares two folders, either of which may not exist.
    fn compare(&mut self, from: Option<Oid>, to: Option<Oid>, path: &str, level: usize) -> Result<(), SyncError> {
        // One level is the root itself.
        if level > self.limits.depth {
            return Err(SyncError::TooLarge { what: "levels of changed folders", limit: self.limits.depth as u64 });
        }
        let mut before = self.read(from)?;
        for (name, new) in self.read(to)? {
            let old = before.remove(&name);
            if old == Some(new) {
                continue;
            }
            let path = join(path, &name);
            self.note(&path, old, Some(new), level)?;
        }
        for (name, old) in before {
            self.note(&join(path, &name), Some(old), None, level)?;
        }
        Ok(())
    }

    fn note(
        &mut self,
        path: &str,
        old: Option<(Oid, i32, bool)>,
        new: Option<(Oid, i32, bool)>,
        level: usize,
    ) -> Result<(), SyncError> {
        let folder = |entry: Option<(Oid, i32, bool)>| entry.filter(|entry| entry.2).map(|entry| entry.0);
        let is_leaf = |entry: Option<(Oid, i32, bool)>| entry.is_some_and(|entry| !entry.2);
        if is_leaf(old) || is_leaf(new) {
            if self.changed.len() >= self.limits.changed_paths {
                return Err(self.too_many());
            }
            self.changed.push(path.to_owned());
        }
        if folder(old).is_some() || folder(new).is_some() {
            self.compare(folder(old), folder(new), path, level + 1)?;
        }
        Ok(())
    }

    fn read(&mut self, folder: Option<Oid>) -> Result<Folder, SyncError> {
        let Some(id) = folder else { return Ok(Folder::new()) };
        // Folders alone cost time too: a tree of nothing but trees has no leaf.
        self.visited += 1;
        if self.visited > self.limits.changed_paths.saturating_mul(2) {
            return Err(self.too_many());
        }
        let tree = read_tree(self.repository, id)?;
        let entries = tree.iter().map(|entry| {
            let folder = Kind::of(&entry) == Kind::Folder;
            (entry.name_bytes().to_vec(), (entry.id(), entry.filemode(), folder))
        });
        Ok(entries.collect())
    }

    fn too_many(&self) -> SyncError {
        SyncError::TooLarge { what: "changed paths", limit: self.limits.changed_paths as u64 }
    }
}

fn join(folder: &str, name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    if folder.is_empty() { name.into_owned() } else { format!("{folder}/{name}") }
}
