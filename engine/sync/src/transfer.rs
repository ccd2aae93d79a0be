//! One conversation with the remote repository, within a budget.
//!
//! Knows nothing of branches: it downloads what a refspec names.

use std::sync::Arc;

use git2::{
    AutotagOption, Direction, ErrorClass, ErrorCode, FetchOptions, RemoteCallbacks, RemoteConnection, RemoteRedirect,
    Repository,
};

use crate::budget::Budget;
use crate::gate::Gate;
use crate::{Limits, RemoteUrl, SyncError};

/// How much history comes with a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum History {
    /// None, where the remote side can cut it off.
    TipOnly,
    /// All of it.
    Full,
}

pub(crate) struct Transfer<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) url: &'a RemoteUrl,
    pub(crate) limits: &'a Limits,
}

impl Transfer<'_> {
    /// Asks for the reference that the remote `HEAD` points to: `refs/heads/main`.
    pub(crate) fn default_branch(&self) -> Result<Option<String>, SyncError> {
        self.converse(|connection, _| match connection.default_branch() {
            Ok(name) => Ok(name.as_str().ok().map(str::to_owned)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(SyncError::of_connection(self.url, &error)),
        })
    }

    /// Downloads what `refspec` names. A name that the remote side does not have is
    /// no error: nothing comes.
    pub(crate) fn download(&self, refspec: &str, history: History) -> Result<(), SyncError> {
        let cut = match history {
            // The library's transport for local folders always takes everything.
            _ if self.url.is_local() => 0,
            History::TipOnly => 1,
            History::Full if self.repository.is_shallow() => i32::MAX,
            History::Full => 0,
        };
        if self.download_cut(refspec, cut)? == Cut::Unsupported {
            self.download_cut(refspec, 0)?;
        }
        Ok(())
    }

    fn download_cut(&self, refspec: &str, depth: i32) -> Result<Cut, SyncError> {
        self.converse(|connection, line| {
            let mut options = FetchOptions::new();
            options
                .remote_callbacks(line.callbacks())
                .follow_redirects(RemoteRedirect::None)
                .download_tags(AutotagOption::None)
                .update_fetchhead(false)
                .depth(depth);
            match connection.remote().fetch(&[refspec], Some(&mut options), None) {
                Ok(()) => Ok(Cut::Done),
                // This pair of code and class is how the library says that the
                // server cannot cut off history.
                Err(error) if depth > 0 && is(&error, ErrorCode::Invalid, ErrorClass::Net) => Ok(Cut::Unsupported),
                Err(error) => Err(SyncError::of_download(self.url, error)),
            }
        })
    }

    fn converse<T>(
        &self,
        talk: impl FnOnce(&mut RemoteConnection<'_, '_, '_>, &Line) -> Result<T, SyncError>,
    ) -> Result<T, SyncError> {
        let line = Line::open(self.url, self.limits)?;
        let mut remote = self.repository.remote_anonymous(&line.address)?;
        let outcome = remote
            .connect_auth(Direction::Fetch, Some(line.callbacks()), None)
            .map_err(|error| SyncError::of_connection(self.url, &error))
            .and_then(|mut connection| talk(&mut connection, &line));
        outcome.map_err(|error| line.budget.breach(self.url).unwrap_or(error))
    }
}

#[derive(PartialEq, Eq)]
enum Cut {
    Done,
    Unsupported,
}

fn is(error: &git2::Error, code: ErrorCode, class: ErrorClass) -> bool {
    error.code() == code && error.class() == class
}

/// The way to the remote repository: the address that the Git library is told, and
/// the gate behind that address.
struct Line {
    budget: Arc<Budget>,
    address: String,
    _gate: Option<Gate>,
}

impl Line {
    fn open(url: &RemoteUrl, limits: &Limits) -> Result<Self, SyncError> {
        let budget = Budget::start(limits);
        if url.is_local() {
            return Ok(Self { budget, address: url.as_str().to_owned(), _gate: None });
        }
        let gate = Gate::open(url.url(), Arc::clone(&budget))
            .map_err(|error| SyncError::Unreachable { url: url.clone(), detail: error.to_string() })?;
        let address = format!("{}{}", gate.address(), url.url().path());
        Ok(Self { budget, address, _gate: Some(gate) })
    }

    fn callbacks(&self) -> RemoteCallbacks<'_> {
        let mut callbacks = RemoteCallbacks::new();
        callbacks
            .transfer_progress(|progress| self.budget.allows(progress.received_bytes() as u64))
            .sideband_progress(|_| self.budget.allows(0));
        callbacks
    }
}
