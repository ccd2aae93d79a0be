//! Names of references in a remote repository, and the names under which the mirror keeps them.

use git2::{ObjectType, Oid, Reference};

use crate::SyncError;

/// Where a download puts the tip it was asked for, before it is kept.
pub(crate) const INCOMING: &str = "refs/kiket/incoming";

/// Tells whether a branch may have this name.
#[must_use]
pub fn is_branch_name(name: &str) -> bool {
    RemoteName::branch(name).is_ok()
}

/// A checked name of a reference in a remote repository: `refs/heads/main`.
pub(crate) struct RemoteName(String);

impl RemoteName {
    /// Takes the name of a branch: `main`.
    pub(crate) fn branch(name: &str) -> Result<Self, SyncError> {
        Self::check(format!("refs/heads/{name}"), name)
    }

    /// Takes a whole name: `refs/tags/v1`.
    pub(crate) fn parse(name: &str) -> Result<Self, SyncError> {
        let below = name.strip_prefix("refs/").ok_or_else(|| invalid(name))?;
        Self::check(name.to_owned(), below)
    }

    fn check(full: String, name: &str) -> Result<Self, SyncError> {
        if name.len() <= 255 && Reference::is_valid_name(&full) { Ok(Self(full)) } else { Err(invalid(name)) }
    }

    /// The reference in the remote repository.
    pub(crate) fn remote_reference(&self) -> &str {
        &self.0
    }

    /// The reference in the mirror. A digest, so that `a` and `a/b`, which replace each
    /// other in a remote repository, are never in each other's way, and so that no file
    /// of ours has a name that somebody else chose.
    pub(crate) fn kept_reference(&self) -> Result<String, SyncError> {
        let digest = Oid::hash_object(ObjectType::Blob, self.0.as_bytes())?;
        Ok(format!("refs/kiket/tips/{digest}"))
    }
}

fn invalid(name: &str) -> SyncError {
    SyncError::InvalidBranch(name.chars().take(255).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_branch() {
        for name in ["", "a b", "a..b", "a:b", "a*", "a~1", "a^", "a.lock", "/a", "a/", "a\nb", "@{1}", "a\0b"] {
            assert!(!is_branch_name(name), "{name:?}");
            assert!(RemoteName::parse(&format!("refs/tags/{name}")).is_err(), "{name:?}");
        }
        assert!(!is_branch_name(&"a".repeat(256)));
        assert!(RemoteName::parse("main").is_err());
    }

    #[test]
    fn accepts_what_only_looks_dangerous() {
        for name in ["main", "release/1.0", "-oProxyCommand", ";curl", "größe"] {
            assert!(is_branch_name(name), "{name:?}");
        }
    }
}
