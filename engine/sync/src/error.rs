//! What can go wrong, by what a caller can do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use git2::{ErrorClass, ErrorCode};

use crate::{CommitId, RemoteUrl};

/// A failed call on a [`Mirror`](crate::Mirror).
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Nobody answered, the connection broke, or its certificate is not valid.
    /// Worth another try later.
    #[error("cannot reach {url}: {detail}")]
    Unreachable {
        /// Where the repository should be.
        url: RemoteUrl,
        /// What the Git library said.
        detail: String,
    },
    /// There was an answer, but not one of a Git repository that may be read.
    #[error("no readable git repository at {url}: {detail}")]
    NotARepository {
        /// Where the repository should be.
        url: RemoteUrl,
        /// What the Git library said.
        detail: String,
    },
    /// The repository is not public.
    #[error("{url} asks for credentials, and only public repositories are supported")]
    AuthenticationRequired {
        /// The repository that asked.
        url: RemoteUrl,
    },
    /// The server sends its visitors to another host, or to another port of it.
    #[error("{url} redirects to another host, `{}`; use the final address", .to.escape_debug())]
    Redirected {
        /// The address that redirects.
        url: RemoteUrl,
        /// Where to, as the server said.
        to: String,
    },
    /// A budget of [`Limits`](crate::Limits) is used up.
    #[error("{what} exceed the limit of {limit}")]
    TooLarge {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// The limit, in the unit that `what` names.
        limit: u64,
    },
    /// The remote repository did not deliver in time.
    #[error("{url} did not deliver within {} s", .limit.as_secs_f32())]
    TimedOut {
        /// The slow repository.
        url: RemoteUrl,
        /// How long it had.
        limit: Duration,
    },
    /// The commit is not in the mirror, or nowhere to be had.
    #[error("commit {0} is not in the repository")]
    UnknownCommit(CommitId),
    /// A text that cannot be a branch's name.
    #[error("`{}` cannot be the name of a branch", .0.escape_debug())]
    InvalidBranch(String),
    /// The mirror's own folder could not be used.
    #[error("cannot use the mirror at {}", .folder.display())]
    Folder {
        /// The mirror's folder.
        folder: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file of a checkout could not be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The Git library failed at something local: a damaged object, a full disk.
    #[error("git failed: {}", .0.message())]
    Git(#[from] git2::Error),
}

impl SyncError {
    /// Tells whether the same may succeed later: the remote side may answer again, and the disk may be well again.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Folder { .. } | Self::Write { .. } => true,
            Self::Git(error) => matches!(error.class(), ErrorClass::Os | ErrorClass::Filesystem),
            _ => false,
        }
    }

    /// Sorts a failure of the connection by what the caller can do about it.
    pub(crate) fn of_connection(url: &RemoteUrl, error: &git2::Error) -> Self {
        let url = url.clone();
        let detail = error.message().to_owned();
        match (error.code(), error.class()) {
            (ErrorCode::Auth, _) => Self::AuthenticationRequired { url },
            (_, ErrorClass::Http) => Self::NotARepository { url, detail },
            _ if url.is_local() => Self::NotARepository { url, detail },
            _ => Self::Unreachable { url, detail },
        }
    }

    /// Sorts a failure of the download that followed the connection.
    pub(crate) fn of_download(url: &RemoteUrl, error: git2::Error) -> Self {
        match error.class() {
            ErrorClass::Net | ErrorClass::Http | ErrorClass::Ssl => Self::of_connection(url, &error),
            _ => Self::Git(error),
        }
    }
}
