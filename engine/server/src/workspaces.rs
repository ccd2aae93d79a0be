//! Workspaces: a private copy of the run's files for one attempt, made when it is first used.
//!
//! ```text
//! data/workspaces/<ulid>/files   the copy: what the guest and its programs see
//!                       /home    the programs' own home folder
//!                       /tmp     their temporary files
//! ```
//!
//! A workspace is gone when the last handle on it is, and those of a process that was killed when the next one starts:
//! nothing in it is ever taken up again. What a guest names goes through a folder handle ([`files`]), which no path
//! leads out of; what programs do is theirs, so after each of them everything is measured anew.
//!
//! Not here: who may do what (the gate of the host), and running programs.

mod clear;
mod copy;
mod files;
mod measure;
mod path;
mod source;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use tokio::runtime::Handle;

use crate::{clock, folders};

pub(crate) use files::{Entry, Kind};
pub(crate) use path::Inside;
pub(crate) use source::Source;

/// How often a workspace is measured at most while a program runs in it.
const WATCH: Duration = Duration::from_secs(1);
/// What stands beside the files, for programs.
const BESIDE: [&str; 2] = ["home", "tmp"];

/// Why something in a workspace was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WorkspaceError {
    /// The run has no files.
    #[error("{0}")]
    NoFiles(String),
    /// There is nothing at that path.
    #[error("{0}")]
    NotFound(String),
    /// The path leads out, or is not what was asked for.
    #[error("{0}")]
    Invalid(String),
    /// There would be more than the quota.
    #[error("{0}")]
    OverQuota(String),
    /// The disk, or the repository, refused.
    #[error("{0}")]
    Failed(String),
}

/// The folder of all workspaces.
pub(crate) struct Workspaces {
    root: PathBuf,
}

/// The workspace of one attempt.
pub(crate) struct Workspace {
    folder: Folder,
    state: Mutex<State>,
    skipped: Vec<String>,
}

/// What is known of a workspace. Whoever works in it has it to himself.
struct State {
    whole: Dir,
    files: Dir,
    /// Bytes of everything, as far as it is known.
    used: u64,
}

/// A folder that goes with its value.
struct Folder(PathBuf);

impl Workspaces {
    /// Opens the folder of workspaces. What a former process left there is removed, while others go on.
    ///
    /// # Errors
    /// The folder cannot be made or listed.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        folders::make(root)?;
        // Programs get the folders by their paths, which must not lead through links.
        let root = root.canonicalize()?;
        let leftovers = fs::read_dir(&root)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        if !leftovers.is_empty() {
            let root = root.clone();
            std::thread::spawn(move || leftovers.iter().for_each(|name| clear_folder(&root.join(name))));
        }
        Ok(Self { root })
    }

    /// Makes a workspace with the files of a source. Blocks, and may ask the project's remote repository.
    ///
    /// # Errors
    /// [`WorkspaceError::NoFiles`], [`WorkspaceError::OverQuota`] and [`WorkspaceError::Failed`].
    pub(crate) fn make(&self, source: &Source, quota: u64) -> Result<Workspace, WorkspaceError> {
        let folder = Folder(self.root.join(clock::ulid().to_string().to_ascii_lowercase()));
        let private = |path: &Path| DirBuilder::new().mode(0o700).create(path);
        private(&folder.0).map_err(|error| failed("the workspace", &error))?;
        let filled = source.fill(&folder.0.join("files"), quota)?;
        for name in BESIDE {
            private(&folder.0.join(name)).map_err(|error| failed("the workspace", &error))?;
        }
        let open = |path: &Path| Dir::open_ambient_dir(path, ambient_authority());
        let whole = open(&folder.0).map_err(|error| failed("the workspace", &error))?;
        let files = open(&folder.0.join("files")).map_err(|error| failed("the workspace", &error))?;
        let state = Mutex::new(State { whole, files, used: filled.bytes });
        Ok(Workspace { folder, state, skipped: filled.skipped })
    }
}

impl Workspace {
    /// What the source holds and the workspace does not, each with its reason.
    pub(crate) fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The folder of the files.
    pub(crate) fn files(&self) -> PathBuf {
        self.folder.0.join("files")
    }

    /// The folders that programs have for themselves: a home, and one for temporary files.
    pub(crate) fn beside(&self) -> [PathBuf; 2] {
        BESIDE.map(|name| self.folder.0.join(name))
    }

    /// Does something that blocks, with the files to itself, where blocking is allowed.
    ///
    /// # Errors
    /// Those of what is done.
    pub(crate) async fn within<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Files<'_>) -> Result<T, WorkspaceError> + Send + 'static,
    ) -> Result<T, WorkspaceError> {
        let this = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&mut Files { state: this.lock() })).await;
        done.unwrap_or_else(|panic| Err(WorkspaceError::Failed(panic.to_string())))
    }

    /// Measures everything, and tells how many bytes there are.
    ///
    /// # Errors
    /// [`WorkspaceError::OverQuota`] where that is more than `quota`, or more files or levels than anybody needs.
    pub(crate) async fn settle(self: &Arc<Self>, quota: u64) -> Result<u64, WorkspaceError> {
        self.within(move |files| files.settle(quota)).await
    }

    /// Waits until the workspace holds more than `quota`, while a program runs in it. Ends only then.
    pub(crate) async fn outgrow(&self, quota: u64) -> WorkspaceError {
        loop {
            let begun = Instant::now();
            let whole = self.lock().whole.try_clone();
            let measured = tokio::task::spawn_blocking(move || measure::of(&whole?, quota)).await;
            // What cannot be measured while it changes is measured when the program has ended.
            if let Ok(Ok(Err(breach))) = measured {
                return WorkspaceError::OverQuota(breach);
            }
            tokio::time::sleep(WATCH.max(begun.elapsed() * 10)).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files of a workspace, in the hands of one who works on them.
pub(crate) struct Files<'w> {
    state: MutexGuard<'w, State>,
}

impl Files<'_> {
    /// The folder they lie in.
    pub(crate) fn root(&self) -> &Dir {
        &self.state.files
    }

    /// How many more bytes there may be.
    pub(crate) fn room(&self, quota: u64) -> u64 {
        quota.saturating_sub(self.state.used)
    }

    /// As [`Workspace::settle`].
    pub(crate) fn settle(&mut self, quota: u64) -> Result<u64, WorkspaceError> {
        let measured = measure::of(&self.state.whole, quota).map_err(|error| failed("the workspace", &error))?;
        // What is over its quota has no room, however much it is.
        self.state.used = *measured.as_ref().unwrap_or(&u64::MAX);
        measured.map_err(WorkspaceError::OverQuota)
    }
}

impl Drop for Folder {
    /// Blocks for as long as it takes where there is no runtime to leave it to.
    fn drop(&mut self) {
        let folder = std::mem::take(&mut self.0);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || clear_folder(&folder))),
            Err(_) => clear_folder(&folder),
        }
    }
}

fn clear_folder(folder: &Path) {
    if let Err(error) = clear::folder(folder) {
        tracing::error!(folder = %folder.display(), %error, "a workspace cannot be removed");
    }
}

fn failed(what: &str, error: &io::Error) -> WorkspaceError {
    WorkspaceError::Failed(format!("{what}: {error}"))
}

#[cfg(test)]
mod tests;
