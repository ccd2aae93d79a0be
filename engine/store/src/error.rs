//! What can go wrong: conflicts, which are answers, and failures, which are not.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use kiket_core::{DeliveryId, ProjectId, ReleaseId, RunId};

use crate::{Seq, Stream, WorkKey};

/// The store could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another process (or another handle in this one) has the database open.
    #[error("database `{}` is in use by another process", path.display())]
    Locked {
        /// The database file.
        path: PathBuf,
    },
    /// The database was migrated by a newer version of the program.
    #[error("database has schema {found}, this version knows schemas up to {known}: use a newer version")]
    NewerSchema {
        /// The schema of the database.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// The database library did not accept a setting the store relies on.
    #[error("database setting `{name}` is `{found}` instead of `{wanted}`")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// The value the store relies on.
        wanted: String,
        /// The value read back.
        found: String,
    },
    /// The database file or its lock file cannot be reached.
    #[error("cannot open `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// The change breaks a rule of the schema: the caller is wrong. Nothing of it was written.
    #[error("the change breaks a rule of the schema")]
    Constraint(#[source] Fault),
    /// There is no space left. Nothing was written; writing works again once there is space.
    #[error("no space left for the database")]
    Full(#[source] Fault),
    /// Reading or writing the file failed, or what it says is damaged.
    #[error("the database file cannot be read or written")]
    Disk(#[source] Fault),
    /// A write could not be made durable, now or earlier on; nothing is read or written any more until a restart.
    #[error("the store stopped after a failed write")]
    Failed(#[source] Fault),
    /// Any other answer of the database.
    #[error("the database refused a statement")]
    Database(#[source] Fault),
    /// A row holds a value that no version of the program writes.
    #[error("column `{column}` holds the malformed value `{value}`")]
    Malformed {
        /// The column's name.
        column: &'static str,
        /// The start of the value.
        value: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Tells whether nothing may be written after this error until the file was opened anew.
    pub(crate) fn is_fatal(&self) -> bool {
        matches!(self, Self::Disk(_) | Self::Failed(_))
    }

    /// The same cause, as the reason why the store has stopped.
    pub(crate) fn into_failed(self) -> Self {
        match self {
            Self::Constraint(fault) | Self::Full(fault) | Self::Disk(fault) | Self::Database(fault) => {
                Self::Failed(fault)
            }
            Self::Failed(_) => self,
            other => Self::Failed(Fault::new(other)),
        }
    }
}

/// What the database itself said. Only for people: nothing decides by it.
#[derive(Clone)]
pub struct Fault(Arc<dyn std::error::Error + Send + Sync>);

impl Fault {
    pub(crate) fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }

    /// What the database said, without what the library puts around it.
    pub(crate) fn of(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(said) => Self(Arc::from(said.into_error())),
            other => Self::new(other),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Why a unit was not committed. Nothing of it was written, unless the error is [`StoreError::Failed`] or
/// [`StoreError::Closed`]: then it is unknown until the database was opened anew.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// The unit rests on something that is no longer so.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The store could not write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a unit found different from what it expected. Load again and decide again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The stream has moved on.
    #[error("{stream} is at event {actual}, not {expected}")]
    Seq {
        /// The stream.
        stream: Stream,
        /// The sequence number the change was decided at.
        expected: Seq,
        /// The sequence number of the stored state.
        actual: Seq,
    },
    /// The run has ended: it never changes again.
    #[error("run `{run}` has ended")]
    Ended {
        /// The run.
        run: RunId,
    },
    /// There is no such stream.
    #[error("there is no {stream}")]
    Unknown {
        /// The stream.
        stream: Stream,
    },
    /// A stream with this id exists.
    #[error("{stream} exists")]
    Duplicate {
        /// The stream.
        stream: Stream,
    },
    /// An item of the project has this number.
    #[error("project `{project}` has an item {number}")]
    DuplicateNumber {
        /// The project.
        project: ProjectId,
        /// The number that was asked for.
        number: i64,
    },
    /// The cause has already started a run.
    #[error("the trigger has already started run `{run}`")]
    DuplicateTrigger {
        /// The run it started.
        run: RunId,
    },
    /// The delivery has already been received.
    #[error("the delivery was already received as `{id}`")]
    DuplicateDelivery {
        /// The id it was received under.
        id: DeliveryId,
    },
    /// A project with this name (or this id) exists.
    #[error("project `{name}` exists")]
    DuplicateProject {
        /// The name that was asked for.
        name: String,
    },
    /// The stage has already made this release of the artifact.
    #[error("the stage has already made release `{id}` of the artifact")]
    DuplicateRelease {
        /// The release.
        id: ReleaseId,
    },
    /// Another release is live than the one that was to be replaced.
    #[error("another release of app `{app}` went live")]
    Switched {
        /// The app.
        app: String,
    },
    /// The items of another project are called by this key.
    #[error("the items of project `{project}` are called {key}-1, {key}-2 …")]
    DuplicateKey {
        /// The key that was asked for.
        key: String,
        /// The project that has it, or is named so.
        project: String,
    },
    /// The project has no secret or value of this name.
    #[error("there is no {what} `{name}`")]
    UnknownSetting {
        /// What was asked for: a secret or a value.
        what: &'static str,
        /// The name that was asked for.
        name: String,
    },
    /// The project has as many secrets or values as it may have.
    #[error("a project has at most {limit} of them")]
    TooManySettings {
        /// How many it may have.
        limit: i64,
    },
    /// The project's values would be too large together.
    #[error("all values of a project have at most {limit} bytes together")]
    TooLarge {
        /// How many bytes they may have.
        limit: i64,
    },
    /// The value that a plugin keeps is not what it was expected to be.
    #[error("the value of `{key}` is not the expected one")]
    ValueDiffers {
        /// Its key.
        key: String,
    },
    /// A plugin would keep more than it may.
    #[error("it would keep {needed} bytes, {quota} are granted")]
    OverQuota {
        /// How many bytes there would be.
        needed: u64,
        /// How many there may be.
        quota: u64,
    },
    /// The dead letter is settled already.
    #[error("dead letter {id} is settled already")]
    LetterSettled {
        /// Its number.
        id: i64,
    },
    /// The work is no longer held under this fence: it is settled, released or in other hands.
    #[error("work `{key}` is no longer held by this worker")]
    FenceLost {
        /// The work.
        key: WorkKey,
    },
}

impl From<sqlx::Error> for CommitError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
