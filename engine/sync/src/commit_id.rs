//! The name of a commit: 40 hexadecimal digits, checked once.

use std::fmt;
use std::str::FromStr;

use git2::Oid;

/// Names one commit by its SHA-1, in full.
///
/// Never abbreviated: a prefix that is unique today may be ambiguous tomorrow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(Oid);

/// A text that is not a full commit id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a commit id, which is 40 hexadecimal digits")]
pub struct InvalidCommitId;

impl CommitId {
    pub(crate) fn new(oid: Oid) -> Self {
        Self(oid)
    }

    pub(crate) fn oid(self) -> Oid {
        self.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for CommitId {
    type Err = InvalidCommitId;

    /// Reads 40 hexadecimal digits in either case. The null id, which forges send
    /// for a deleted branch, names no commit.
    fn from_str(text: &str) -> Result<Self, InvalidCommitId> {
        let full = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match Oid::from_str(text) {
            Ok(oid) if full && !oid.is_zero() => Ok(Self(oid)),
            _ => Err(InvalidCommitId),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_shown_in_lower_case_and_in_full() {
        let id: CommitId = "0123456789ABCDEF0123456789abcdef01234567".parse().unwrap();
        assert_eq!(id.to_string(), "0123456789abcdef0123456789abcdef01234567");
    }

    #[test]
    fn refuses_prefixes_other_digits_and_the_null_id() {
        for text in ["", "0123abc", "main", "-oProxyCommand", &"g".repeat(40), &"0".repeat(40), &"a".repeat(64)] {
            assert_eq!(text.parse::<CommitId>(), Err(InvalidCommitId), "{text}");
        }
    }
}
