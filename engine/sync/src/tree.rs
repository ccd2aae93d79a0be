//! Reading trees and blobs of a repository that nobody vouches for.
//!
//! An object's size is known before the object is read, and a name is bytes until
//! it has been judged.

use git2::{ErrorCode, FileMode, ObjectType, Oid, Repository, Tree, TreeEntry};

use crate::SyncError;

/// Bytes of one tree object: some 100,000 entries.
const TREE_BYTES: u64 = 4 << 20;

/// What an entry of a tree is, as far as this crate cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    SymbolicLink,
    Submodule,
}

impl Kind {
    pub(crate) fn of(entry: &TreeEntry<'_>) -> Self {
        match entry.kind() {
            Some(ObjectType::Tree) => Self::Folder,
            Some(ObjectType::Commit) => Self::Submodule,
            _ if entry.filemode() == i32::from(FileMode::Link) => Self::SymbolicLink,
            _ => Self::File,
        }
    }
}

/// Returns an object's size without reading the object, or `None` if it is not
/// there or of another type.
pub(crate) fn size_of(repository: &Repository, id: Oid, kind: ObjectType) -> Result<Option<u64>, SyncError> {
    match repository.odb()?.read_header(id) {
        Ok((size, found)) => Ok((found == kind).then_some(size as u64)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads a tree, unless it is absurdly large.
pub(crate) fn read_tree(repository: &Repository, id: Oid) -> Result<Tree<'_>, SyncError> {
    match size_of(repository, id, ObjectType::Tree)? {
        Some(size) if size > TREE_BYTES => Err(SyncError::TooLarge { what: "bytes of one tree", limit: TREE_BYTES }),
        _ => Ok(repository.find_tree(id)?),
    }
}

/// Returns an entry's name if it is a harmless name of a file: one that could be
/// shown, compared and written on any system without a second thought.
pub(crate) fn plain_name<'a>(entry: &'a TreeEntry<'_>) -> Option<&'a str> {
    std::str::from_utf8(entry.name_bytes()).ok().filter(|name| is_plain(name))
}

pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !matches!(name, "." | "..")
        && !name.eq_ignore_ascii_case(".git")
        && !name.eq_ignore_ascii_case("git~1")
        && !name.chars().any(|char| matches!(char, '/' | '\\') || char.is_control() || is_invisible(char))
}

/// Characters that change how the text around them looks, and show nothing.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Shows a name that is not plain, with escapes for everything unusual.
pub(crate) fn escape_name(entry: &TreeEntry<'_>) -> String {
    let mut shown = String::new();
    for part in entry.name_bytes().utf8_chunks() {
        for char in part.valid().chars() {
            if char.is_control() || is_invisible(char) || char == '\\' {
                shown.extend(char.escape_default());
            } else {
                shown.push(char);
            }
        }
        for byte in part.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown
}
