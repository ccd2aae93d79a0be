//! A bare copy of one remote repository, and what is read out of it.
//!
//! Those who write to one folder take turns, across threads and processes; reads
//! need no turn. What a fetch brings is kept as a reference of ours, so that the next
//! fetch only brings what is new.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use git2::{Config, ErrorCode, ObjectType, Oid, Repository, RepositoryInitOptions, Tree};
use kiket_core::Timestamp;

use crate::branch::{INCOMING, RemoteName};
use crate::settle::{Download, settle, settle_all};
use crate::transfer::{History, Transfer};
use crate::tree::{Kind, is_plain, read_tree, size_of};
use crate::{Checkout, CheckoutLimits, CommitId, Limits, RemoteUrl, Sources, SyncError, changes, checkout, sources};

/// Where the mirror notes whose copy it is.
const URL_KEY: &str = "kiket.url";

/// A bare copy of one remote repository. Holds no state that cannot be fetched again.
pub struct Mirror {
    repository: Repository,
    folder: PathBuf,
    url: RemoteUrl,
    limits: Limits,
}

/// The newest commit of a branch, or that of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// The commit.
    pub commit: CommitId,
    /// What the reference itself names: the commit, or the object of an annotated tag.
    pub target: CommitId,
    /// When it was committed, as its author's machine says.
    pub committed_at: Timestamp,
}

impl Mirror {
    /// Opens the mirror in `folder`, which is made if need be. A mirror of another
    /// address is thrown away first: nothing of one repository is ever taken for a
    /// part of another.
    ///
    /// # Errors
    ///
    /// [`SyncError::Folder`] and [`SyncError::Git`], if the folder cannot be used.
    pub fn open(folder: &Path, url: &RemoteUrl, limits: Limits) -> Result<Self, SyncError> {
        // A mirror gets its name when it is complete.
        if owner_of(folder)?.as_deref() != Some(url.as_str()) {
            let _turn = take_turn(folder)?;
            set_up(folder, url)?;
        }
        let repository = Repository::open_bare(folder)?;
        // From here on the configuration is this one file. Only opening has read the
        // user's, of which it heeds nothing but the syntax.
        let config = Config::open(&folder.join("config"))?;
        repository.set_config(&config)?;
        Ok(Self { repository, folder: folder.to_owned(), url: url.clone(), limits })
    }

    /// Asks for the branch that the remote repository calls its default, such as
    /// `main`; `None` if the repository is empty.
    ///
    /// # Errors
    ///
    /// As [`Mirror::fetch`].
    pub fn default_branch(&self) -> Result<Option<String>, SyncError> {
        let name = self.transfer().default_branch()?;
        Ok(name.and_then(|name| name.strip_prefix("refs/heads/").map(str::to_owned)))
    }

    /// Fetches the newest commit of a branch, without its history where the remote
    /// side can do that. `None` if there is no such branch, or nothing in it yet.
    ///
    /// # Errors
    ///
    /// [`SyncError::Unreachable`], [`SyncError::NotARepository`],
    /// [`SyncError::AuthenticationRequired`] and [`SyncError::Redirected`] for the
    /// remote side; [`SyncError::TimedOut`] and [`SyncError::TooLarge`] for a budget;
    /// [`SyncError::InvalidBranch`].
    pub fn fetch(&self, branch: &str) -> Result<Option<Tip>, SyncError> {
        self.fetch_name(&RemoteName::branch(branch)?, History::TipOnly)
    }

    /// Fetches the commit that a reference leads to, such as `refs/tags/v1` or `refs/pull/7/head`, like
    /// [`Mirror::fetch`].
    ///
    /// # Errors
    ///
    /// As [`Mirror::fetch`].
    pub fn fetch_reference(&self, reference: &str) -> Result<Option<Tip>, SyncError> {
        self.fetch_name(&RemoteName::parse(reference)?, History::TipOnly)
    }

    /// Makes sure that the mirror has `commit`, which was once the tip of `branch`.
    ///
    /// Tries what costs least: the mirror itself, the branch's tip, the commit by its
    /// id (which not every server allows), the branch with its history. Some forges
    /// find a commit of any fork by its id, so the id has to come from somewhere
    /// that is trusted, such as a delivery with a valid signature.
    ///
    /// # Errors
    ///
    /// [`SyncError::UnknownCommit`] if the commit is not to be had; else as [`Mirror::fetch`].
    pub fn fetch_commit(&self, branch: &str, commit: &CommitId) -> Result<(), SyncError> {
        self.fetch_commit_by(&RemoteName::branch(branch)?, commit)
    }

    /// Makes sure that the mirror has `commit`, to which `reference` once led, like [`Mirror::fetch_commit`].
    ///
    /// # Errors
    ///
    /// As [`Mirror::fetch_commit`].
    pub fn fetch_commit_of(&self, reference: &str, commit: &CommitId) -> Result<(), SyncError> {
        self.fetch_commit_by(&RemoteName::parse(reference)?, commit)
    }

    fn fetch_commit_by(&self, name: &RemoteName, commit: &CommitId) -> Result<(), SyncError> {
        if self.holds(commit) {
            return Ok(());
        }
        let tip = self.fetch_name(name, History::TipOnly)?;
        if self.holds(commit) {
            return Ok(());
        }
        match self.fetch_id(commit) {
            Ok(_) if self.holds(commit) => return Ok(()),
            Err(error @ (SyncError::TimedOut { .. } | SyncError::TooLarge { .. })) => return Err(error),
            Ok(_) => {}
            Err(error) => tracing::debug!(url = %self.url, %commit, %error, "commit was not given out by its id"),
        }
        if tip.is_some() {
            self.fetch_name(name, History::Full)?;
        }
        if self.holds(commit) { Ok(()) } else { Err(SyncError::UnknownCommit(*commit)) }
    }

    /// Reads the definitions below `.kiket/` at a commit.
    ///
    /// # Errors
    ///
    /// [`SyncError::UnknownCommit`]; [`SyncError::TooLarge`] if the folder as a whole
    /// breaks a budget.
    pub fn sources(&self, commit: &CommitId) -> Result<Sources, SyncError> {
        sources::read(&self.repository, &self.tree_of(commit)?, &self.limits)
    }

    /// Reads one file of at most `max` bytes, such as `tools/risk.wasm`. `None` if at
    /// that path there is no regular file; links are not followed.
    ///
    /// # Errors
    ///
    /// [`SyncError::UnknownCommit`]; [`SyncError::TooLarge`] if the file has more bytes.
    pub fn blob(&self, commit: &CommitId, path: &str, max: usize) -> Result<Option<Vec<u8>>, SyncError> {
        let mut tree = self.tree_of(commit)?;
        let mut names = path.strip_prefix("./").unwrap_or(path).split('/').peekable();
        while let Some(name) = names.next() {
            if !is_plain(name) {
                return Ok(None);
            }
            let Some(entry) = tree.get_name(name) else { return Ok(None) };
            let (id, kind) = (entry.id(), Kind::of(&entry));
            match (kind, names.peek()) {
                (Kind::Folder, Some(_)) => {
                    drop(entry);
                    tree = read_tree(&self.repository, id)?;
                }
                (Kind::File, None) => return self.read_blob(id, max),
                _ => break,
            }
        }
        Ok(None)
    }

    /// Writes all files of a commit into the folder `into`, which must not be there yet.
    /// What cannot be written safely is skipped and named: submodules, links that may lead
    /// out, names that are none. After an error the folder holds a part of the files.
    ///
    /// # Errors
    ///
    /// [`SyncError::UnknownCommit`]; [`SyncError::TooLarge`] if the tree breaks a budget;
    /// [`SyncError::Write`] if the folder is there already, or for the disk.
    pub fn checkout(&self, commit: &CommitId, into: &Path, limits: &CheckoutLimits) -> Result<Checkout, SyncError> {
        checkout::write(&self.repository, &self.tree_of(commit)?, into, limits)
    }

    /// Returns the paths that differ between two commits, sorted. No history between
    /// them is needed, but both have to be in the mirror.
    ///
    /// # Errors
    ///
    /// [`SyncError::UnknownCommit`]; [`SyncError::TooLarge`] for more paths than the
    /// limit, which best counts as a change of every path.
    pub fn changed_paths(&self, from: &CommitId, to: &CommitId) -> Result<Vec<String>, SyncError> {
        let (from, to) = (self.tree_of(from)?.id(), self.tree_of(to)?.id());
        changes::between(&self.repository, from, to, &self.limits)
    }

    fn fetch_name(&self, name: &RemoteName, history: History) -> Result<Option<Tip>, SyncError> {
        let _turn = self.take_turn()?;
        let tip = self.bring(name.remote_reference(), history)?;
        let kept = name.kept_reference()?;
        let Some((target, tip)) = tip else {
            self.forget(&kept)?;
            return Ok(None);
        };
        self.repository.reference(&kept, tip, true, "fetched")?;
        let time = self.repository.find_commit(tip)?.time().seconds();
        Ok(Some(Tip {
            commit: CommitId::new(tip),
            target: CommitId::new(target),
            committed_at: Timestamp::from_millis(time.saturating_mul(1000)),
        }))
    }

    fn fetch_id(&self, commit: &CommitId) -> Result<Option<(Oid, Oid)>, SyncError> {
        let _turn = self.take_turn()?;
        self.bring(&commit.to_string(), History::TipOnly)
    }

    /// Waits until nobody else writes to the mirror. Locks of Git's own that are there then are nobody's: a process that
    /// was killed has left them, and Git would wait for it for ever.
    fn take_turn(&self) -> Result<File, SyncError> {
        let turn = take_turn(&self.folder)?;
        let clear = || {
            clear_locks(&self.folder, false)?;
            clear_locks(&self.folder.join("refs"), true)
        };
        clear().map_err(|error| unusable(&self.folder, error))?;
        Ok(turn)
    }

    /// Downloads what `source` names in the remote repository, and returns that and the
    /// commit it led to. Whoever calls this has the turn.
    fn bring(&self, source: &str, history: History) -> Result<Option<(Oid, Oid)>, SyncError> {
        self.forget(INCOMING)?;
        let unusable = |error| unusable(&self.folder, error);
        let download = Download::begin(&self.folder).map_err(unusable)?;
        self.transfer().download(&format!("+{source}:{INCOMING}"), history)?;
        download.finish().map_err(unusable)?;
        match self.repository.find_reference(INCOMING) {
            Ok(mut reference) => {
                let commit = reference.peel_to_commit().map(|commit| commit.id());
                let target = reference.target();
                reference.delete()?;
                let commit = commit?;
                Ok(Some((target.unwrap_or(commit), commit)))
            }
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn forget(&self, reference: &str) -> Result<(), SyncError> {
        match self.repository.find_reference(reference) {
            Ok(mut reference) => Ok(reference.delete()?),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn transfer(&self) -> Transfer<'_> {
        Transfer { repository: &self.repository, url: &self.url, limits: &self.limits }
    }

    fn holds(&self, commit: &CommitId) -> bool {
        self.repository.find_commit(commit.oid()).is_ok()
    }

    fn tree_of(&self, commit: &CommitId) -> Result<Tree<'_>, SyncError> {
        match self.repository.find_commit(commit.oid()) {
            Ok(found) => read_tree(&self.repository, found.tree_id()),
            Err(error) if error.code() == ErrorCode::NotFound => Err(SyncError::UnknownCommit(*commit)),
            Err(error) => Err(error.into()),
        }
    }

    fn read_blob(&self, id: Oid, max: usize) -> Result<Option<Vec<u8>>, SyncError> {
        match size_of(&self.repository, id, ObjectType::Blob)? {
            Some(size) if size > max as u64 => {
                Err(SyncError::TooLarge { what: "bytes of one file", limit: max as u64 })
            }
            Some(_) => Ok(Some(self.repository.find_blob(id)?.content().to_vec())),
            None => Ok(None),
        }
    }
}

/// Makes the mirror, in place of one of another repository if need be: beside it, so that there is a whole one or none,
/// also after a power cut.
fn set_up(folder: &Path, url: &RemoteUrl) -> Result<(), SyncError> {
    let unusable = |error| unusable(folder, error);
    match owner_of(folder)? {
        Some(owner) if owner == url.as_str() => return Ok(()),
        Some(_) => fs::remove_dir_all(folder).map_err(unusable)?,
        None => {}
    }
    let part = folder.with_added_extension("part");
    if part.exists() {
        fs::remove_dir_all(&part).map_err(unusable)?;
    }
    let mut options = RepositoryInitOptions::new();
    options.bare(true).mkpath(true).external_template(false).initial_head("main");
    Repository::init_opts(&part, &options)?;
    let mut config = Config::open(&part.join("config"))?;
    config.set_bool("http.followRedirects", false)?;
    // A reference is on the disk when it is written.
    config.set_bool("core.fsyncObjectFiles", true)?;
    config.set_str(URL_KEY, url.as_str())?;
    settle_all(&part).map_err(unusable)?;
    fs::rename(&part, folder).map_err(unusable)?;
    settle(folder.parent().unwrap_or(folder)).map_err(unusable)
}

/// Waits until nobody else writes to the mirror. The file stands beside the folder,
/// which may be thrown away, and the turn ends with the value, however that ends.
fn take_turn(folder: &Path) -> Result<File, SyncError> {
    let take = || {
        fs::create_dir_all(folder.parent().unwrap_or(folder))?;
        let turn = File::create(folder.with_added_extension("lock"))?;
        turn.lock()?;
        Ok(turn)
    };
    take().map_err(|error| unusable(folder, error))
}

/// Removes the locks in a folder, and in those below it.
fn clear_locks(folder: &Path, below: bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if below {
                clear_locks(&path, below)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "lock") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Returns the address that the folder is a mirror of, if it is a mirror.
fn owner_of(folder: &Path) -> Result<Option<String>, SyncError> {
    let file = folder.join("config");
    if !file.try_exists().map_err(|error| unusable(folder, error))? {
        return Ok(None);
    }
    match Config::open(&file)?.get_string(URL_KEY) {
        Ok(url) => Ok(Some(url)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn unusable(folder: &Path, source: io::Error) -> SyncError {
    SyncError::Folder { folder: folder.to_owned(), source }
}
