//! Where the files of a workspace come from: a commit of the project, or the working tree of a local run.

use std::path::{Path, PathBuf};

use kiket_core::ProjectId;
use kiket_core::run::{Queued, Trigger};
use kiket_store::Store;
use kiket_sync::{CheckoutLimits, CommitId, Limits, Mirror, RemoteUrl, SyncError};

use super::{WorkspaceError, copy};
use crate::mirrors;

/// Where the files come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A commit, out of the mirror of the project's repository.
    Commit {
        /// The mirror's folder.
        mirror: PathBuf,
        /// The repository's address.
        url: RemoteUrl,
        /// The commit.
        commit: CommitId,
        /// What it was the tip of, to ask for it where the mirror has lost it.
        reference: Option<String>,
    },
    /// A folder of this machine, as Git sees it.
    Tree(PathBuf),
}

/// What came into the workspace.
#[derive(Debug, Default)]
pub(super) struct Filled {
    pub(super) bytes: u64,
    pub(super) skipped: Vec<String>,
}

impl Source {
    /// Finds out where the files of a run come from.
    ///
    /// # Errors
    /// [`WorkspaceError::NoFiles`] where it has none.
    pub(crate) async fn of(
        store: &Store,
        folder_of_mirrors: &Path,
        project: ProjectId,
        queued: &Queued,
    ) -> Result<Self, WorkspaceError> {
        let row = store.project(project).await.map_err(|error| WorkspaceError::Failed(error.to_string()))?;
        let row = row.ok_or_else(|| no_files("the project is gone"))?;
        if queued.trigger == Trigger::Local {
            let root = row.url.strip_prefix("file://").ok_or_else(|| no_files("a local run has a local project"))?;
            return Ok(Self::Tree(PathBuf::from(root)));
        }
        let commit = queued.commit.as_deref().ok_or_else(|| no_files("the run has no commit"))?;
        let commit = commit.parse().map_err(|_| no_files("the run has no commit"))?;
        let url = row.url.parse().map_err(|error| WorkspaceError::Failed(format!("{}: {error}", row.url)))?;
        let reference = queued.reference.clone();
        Ok(Self::Commit { mirror: mirrors::of_project(folder_of_mirrors, project), url, commit, reference })
    }

    /// Makes the folder `into` and writes the files into it.
    pub(super) fn fill(&self, into: &Path, quota: u64) -> Result<Filled, WorkspaceError> {
        let limits = CheckoutLimits { bytes: quota, ..CheckoutLimits::default() };
        match self {
            Self::Commit { mirror, url, commit, reference } => {
                let mirror = Mirror::open(mirror, url, Limits::default()).map_err(of_git)?;
                // The mirror may be another one by now: it is a cache.
                if let Some(reference) = reference {
                    mirror.fetch_commit_of(reference, commit).map_err(of_git)?;
                }
                let done = mirror.checkout(commit, into, &limits).map_err(of_git)?;
                let skipped = done.skipped.iter().map(|skipped| format!("{}: {}", skipped.path, skipped.reason));
                Ok(Filled { bytes: done.bytes, skipped: skipped.collect() })
            }
            Self::Tree(root) => copy::tree(root, into, &limits),
        }
    }
}

fn no_files(why: &str) -> WorkspaceError {
    WorkspaceError::NoFiles(format!("there is no workspace: {why}"))
}

fn of_git(error: SyncError) -> WorkspaceError {
    match error {
        SyncError::TooLarge { .. } => WorkspaceError::OverQuota(format!("the commit's files: {error}")),
        SyncError::Write { ref source, .. } | SyncError::Folder { ref source, .. } => {
            WorkspaceError::Failed(format!("{error}: {source}"))
        }
        error => WorkspaceError::Failed(error.to_string()),
    }
}
