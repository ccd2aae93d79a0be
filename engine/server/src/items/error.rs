//! Why commands on items come to nothing.

use kiket_core::item::Refusal;
use kiket_store::{CommitError, Conflict, StoreError};

use crate::dispatch::DispatchError;
use crate::revisions::RevisionError;

/// Why a command on an item came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ItemError {
    /// There is no such item.
    #[error("there is no such item")]
    Unknown,
    /// The project has no active definitions.
    #[error("the project has no active revision yet")]
    NoRevision,
    /// The project has no such type.
    #[error("the project has no type \"{name}\"{}", listed(.known))]
    UnknownType {
        /// What was asked for.
        name: String,
        /// The types there are.
        known: Vec<String>,
    },
    /// The item's workflow is not in the active definitions.
    #[error("workflow \"{0}\" is not in the project's definitions")]
    NoWorkflow(String),
    /// The item is not in the version that the caller has seen.
    #[error("the item is at version {0} by now")]
    Changed(u64),
    /// The item refuses the command.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many others were faster.
    #[error("the item changes too fast")]
    Busy,
    /// The definitions cannot be had.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// A run could not be drafted.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ItemError {
    /// Tells whether there are no definitions by which anything could be decided, now or later.
    pub(super) fn lacks_definitions(&self) -> bool {
        match self {
            Self::NoWorkflow(_) | Self::NoRevision => true,
            Self::Revision(reason) | Self::Dispatch(DispatchError::Revision(reason)) => {
                !matches!(reason, RevisionError::Store(_))
            }
            _ => false,
        }
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; it has: {}", names.join(", ")) }
}

/// Why a unit on an item was not committed.
pub(super) enum CommitFailure {
    Conflict(Conflict),
    /// The definitions that it was decided on are not the active ones any more.
    Outdated,
    Other(ItemError),
}

impl From<CommitError> for CommitFailure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(conflict) => Self::Conflict(conflict),
            CommitError::Store(error) => Self::Other(error.into()),
        }
    }
}

impl From<ItemError> for CommitFailure {
    fn from(error: ItemError) -> Self {
        Self::Other(error)
    }
}

impl From<CommitFailure> for ItemError {
    fn from(failure: CommitFailure) -> Self {
        match failure {
            CommitFailure::Conflict(conflict) => {
                tracing::debug!(%conflict, "a change of an item came too late");
                Self::Busy
            }
            CommitFailure::Outdated => Self::Busy,
            CommitFailure::Other(error) => error,
        }
    }
}
