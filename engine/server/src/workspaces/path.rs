//! Paths as guests write them.
//!
//! The text is judged here; where a path really leads, links included, is for the folder handle it is used with.

use std::fmt;
use std::path::{Path, PathBuf};

use super::WorkspaceError;

/// Most bytes of a path.
const BYTES: usize = 4_095;

/// A path below the workspace, or the workspace itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inside(PathBuf);

impl Inside {
    /// Reads a relative path with `/` between names; the empty text is the root.
    ///
    /// # Errors
    /// [`WorkspaceError::Invalid`] for one that is absolute, leads upwards, or is no path.
    pub(crate) fn parse(text: &str) -> Result<Self, WorkspaceError> {
        let refuse = |why: &str| Err(WorkspaceError::Invalid(format!("`{}` {why}", shown(text))));
        if text.len() > BYTES {
            return refuse("is too long for a path");
        }
        if text.contains('\0') {
            return refuse("is not a path");
        }
        if text.starts_with('/') {
            return refuse("is absolute: paths begin at the root of the workspace");
        }
        if text.split('/').any(|part| part == "..") {
            return refuse("leads upwards");
        }
        Ok(Self(text.split('/').filter(|part| !matches!(*part, "" | ".")).collect()))
    }

    /// Whether it is the workspace itself.
    pub(crate) fn is_root(&self) -> bool {
        self.0.as_os_str().is_empty()
    }

    /// The path for a folder handle.
    pub(crate) fn as_path(&self) -> &Path {
        if self.is_root() { Path::new(".") } else { &self.0 }
    }
}

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0.to_string_lossy()))
    }
}

/// A path for people: short, and without what changes the text around it.
fn shown(text: &str) -> String {
    let plain = |char: char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char };
    text.chars().take(200).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_relative_paths_and_refuses_what_leads_out() {
        let path = |text: &str| Inside::parse(text).map(|path| path.as_path().to_owned());
        for (text, expected) in [("", "."), (".", "."), ("./", "."), ("a", "a"), ("./a//b/", "a/b"), ("a b", "a b")] {
            assert_eq!(path(text), Ok(PathBuf::from(expected)), "{text}");
        }
        for text in ["/", "/etc/passwd", "..", "../a", "a/..", "a/../../b", "a\0b", &"a/".repeat(2_048)] {
            assert!(matches!(path(text), Err(WorkspaceError::Invalid(_))), "{text}");
        }
    }
}
