//! Names of branches, and the names under which the mirror keeps them.

use git2::{ObjectType, Oid, Reference};

use crate::SyncError;

/// Where a download puts the tip it was asked for, before it is kept.
pub(crate) const INCOMING: &str = "refs/kiket/incoming";

/// A checked branch name.
pub(crate) struct Branch<'a>(&'a str);

impl<'a> Branch<'a> {
    pub(crate) fn parse(name: &'a str) -> Result<Self, SyncError> {
        if name.len() <= 255 && Reference::is_valid_name(&format!("refs/heads/{name}")) {
            Ok(Self(name))
        } else {
            Err(SyncError::InvalidBranch(name.chars().take(255).collect()))
        }
    }

    /// The branch's reference in the remote repository.
    pub(crate) fn remote_reference(&self) -> String {
        format!("refs/heads/{}", self.0)
    }

    /// The branch's reference in the mirror. A digest, so that `a` and `a/b`, which
    /// replace each other in a remote repository, are never in each other's way,
    /// and so that no file of ours has a name that somebody else chose.
    pub(crate) fn kept_reference(&self) -> Result<String, SyncError> {
        let digest = Oid::hash_object(ObjectType::Blob, self.0.as_bytes())?;
        Ok(format!("refs/kiket/tips/{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_branch() {
        for name in ["", "a b", "a..b", "a:b", "a*", "a~1", "a^", "a.lock", "/a", "a/", "a\nb", "@{1}", "a\0b"] {
            assert!(Branch::parse(name).is_err(), "{name:?}");
        }
        assert!(Branch::parse(&"a".repeat(256)).is_err());
    }

    #[test]
    fn accepts_what_only_looks_dangerous() {
        for name in ["main", "release/1.0", "-oProxyCommand", ";curl", "größe"] {
            assert!(Branch::parse(name).is_ok(), "{name:?}");
        }
    }
}
