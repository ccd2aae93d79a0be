//! Looking at a database beside the server that has it open, and copying it.
//!
//! Nothing here takes the lock, writes to the database, or moves it to another schema: other processes read a file in
//! WAL mode while one writes. Reads see what was committed when they began.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, SetOnce, mpsc, watch};

use crate::recent::Recent;
use crate::{Position, Store, StoreError, sqlite};

/// The schema of a database, and the one of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// The number of the newest migration that was applied.
    pub found: i64,
    /// The number of the newest migration that this program knows.
    pub known: i64,
}

/// How large a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes of what is kept.
    pub used: u64,
    /// Bytes that are free and used again.
    pub free: u64,
}

impl Store {
    /// Opens a database to read it, also while a server has it open. Every change is refused with
    /// [`StoreError::Closed`]. The file must exist, and its folder be one that this user may write to: readers take
    /// part in the write-ahead log.
    ///
    /// # Errors
    /// [`StoreError::Open`] where there is no such file, [`StoreError::Disk`] where it is no database.
    pub async fn inspect(path: &Path) -> Result<Self, StoreError> {
        let missing = |error| StoreError::Open { path: path.to_owned(), source: Arc::new(error) };
        std::fs::metadata(path).map_err(missing)?;
        let readers = sqlite::connect_readers(path).await?;
        // Who would answer is not there: a request finds the channel closed.
        let (requests, _) = mpsc::channel(1);
        Ok(Self {
            requests,
            readers,
            head: watch::channel(Position::ZERO).1,
            readied: watch::channel(0).1,
            appended: Arc::new(Mutex::default()),
            // What others commit passes it by.
            recent: Arc::new(Mutex::new(Recent::after(Position::new(i64::MAX)))),
            cuts: Arc::default(),
            failure: Arc::new(SetOnce::new()),
            stop: Arc::new(Notify::new()),
            writer: Arc::new(Mutex::new(None)),
        })
    }

    /// Reads which schema the database has.
    ///
    /// # Errors
    /// Only failures of the database; one that is not this program's is such a failure.
    pub async fn schema(&self) -> Result<Schema, StoreError> {
        let found = sqlite::schema(&mut *self.reader().await?).await?;
        Ok(Schema { found, known: sqlite::newest_schema() })
    }

    /// Reads how large the file is, without its write-ahead log.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn space(&self) -> Result<Space, StoreError> {
        let space = sqlite::space(&mut *self.reader().await?).await?;
        let bytes = |pages: i64| (pages * space.page).unsigned_abs();
        Ok(Space { used: bytes(space.all - space.free), free: bytes(space.free) })
    }

    /// Checks the file alone: its structure, and that references lead somewhere. Works whatever the schema. Answers
    /// what is wrong.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn file_integrity(&self) -> Result<Vec<String>, StoreError> {
        sqlite::check_file(&mut *self.reader().await?).await
    }
}

/// Writes a copy of the database at `from` to `to`, which must not exist: one state, that of a moment after this was
/// called, without what was deleted. A server that has it open goes on meanwhile. The copy is on the disk when this
/// returns; on an error what lies at `to` is worth nothing.
///
/// # Errors
/// [`StoreError::Open`] where there is no database, [`StoreError::Full`] and [`StoreError::Disk`] as always.
pub async fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| StoreError::Open { path, source: Arc::new(error) }
    };
    std::fs::metadata(from).map_err(failed(from))?;
    let name = to.to_str().ok_or_else(|| failed(to)(std::io::Error::other("its name is no text")))?;
    sqlite::vacuum_into(from, name).await?;
    // SQLite leaves the copy to the system.
    File::open(to).and_then(|file| file.sync_all()).map_err(failed(to))
}

/// Tells whether a process has the database open to write. Holds the lock itself for as long as asking takes.
///
/// # Errors
/// [`StoreError::Open`] where the lock cannot be asked.
pub fn is_held(path: &Path) -> Result<bool, StoreError> {
    let failed = |error| StoreError::Open { path: path.to_owned(), source: Arc::new(error) };
    let mut name = path.canonicalize().map_err(failed)?.into_os_string();
    name.push(".lock");
    let file = match File::open(PathBuf::from(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
