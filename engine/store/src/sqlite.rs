//! Everything that is SQLite's own: connections, settings, the lock on the file, error codes.
//!
//! The rest of the crate speaks portable SQL through the aliases below.
//!
//! Invariants: one process has the file open (a lock on `<file>.lock`, released by the system when the process
//! dies); a connection whose settings were not read back as wanted is never used.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kiket_core::planted::{Bug, planted};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Row as _};

use crate::StoreError;
use crate::error::Fault;

pub(crate) type Connection = sqlx::SqliteConnection;
pub(crate) type Database = sqlx::Sqlite;
/// Connections that only read. A read takes one and gives it back, and that is all: sqlx's own pool would have each of them
/// answer a ping before and after, six changes of thread for a read instead of two.
pub(crate) type Readers = deadpool::unmanaged::Pool<Connection>;
pub(crate) type Row = sqlx::sqlite::SqliteRow;

/// Takes the write lock at once, so a transaction never fails half-way for want of it.
pub(crate) const BEGIN: &str = "begin immediate";

/// The schema, embedded.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Older versions can corrupt a database in WAL mode when a checkpoint races a restart of the log.
const OLDEST_VERSION: [u32; 3] = [3, 51, 3];

/// How many connections only read.
const READERS: usize = 4;

/// What must be read back after connecting. `synchronous=2` is FULL: each commit is on the disk when it returns.
/// `secure_delete=2` is FAST: what is deleted is overwritten where that costs no further page.
const SETTINGS: [(&str, &str); 9] = [
    ("journal_mode", "wal"),
    ("synchronous", "2"),
    ("foreign_keys", "1"),
    ("trusted_schema", "0"),
    ("cell_size_check", "1"),
    ("mmap_size", "0"),
    ("busy_timeout", "5000"),
    ("journal_size_limit", "67108864"),
    ("secure_delete", "2"),
];

/// [Takes](lock) the lock, and waits a moment for one who is about to give it up: a child of a server that has just
/// ended has the lock until it has become the program that it was made for.
pub(crate) async fn lock_in_time(path: &Path) -> Result<File, StoreError> {
    const TRIES: u32 = 10;
    for _ in 1..TRIES {
        match lock(path) {
            Err(StoreError::Locked { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
            result => return result,
        }
    }
    lock(path)
}

/// Takes the lock that keeps other processes away from `path`. Dropping the file releases it.
///
/// # Errors
/// [`StoreError::Locked`] when another process has it, [`StoreError::Open`] when the folder cannot be written.
pub(crate) fn lock(path: &Path) -> Result<File, StoreError> {
    let open = |path: &Path, error| StoreError::Open { path: path.to_owned(), source: Arc::new(error) };
    create_private(path).map_err(|error| open(path, error))?;
    // Links are followed, so that one file has one lock whatever it is called.
    let mut name = path.canonicalize().map_err(|error| open(path, error))?.into_os_string();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name);
    let file = file.map_err(|error| open(&name, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(open(&name, error)),
    }
}

/// Creates an empty database that only this user may read: it holds secrets.
///
/// A file that exists is not even opened: closing a second descriptor would drop the locks of the first.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Opens the connection that writes and brings the schema up to date.
///
/// # Errors
/// [`StoreError::Setting`] for an unsuitable library, [`StoreError::NewerSchema`] for a database from the future.
pub(crate) async fn connect_writer(path: &Path) -> Result<Connection, StoreError> {
    let options = options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .pragma("wal_autocheckpoint", "4096")
        .pragma("secure_delete", "FAST")
        .pragma("cache_size", "-32768");
    let mut connection = options.connect().await?;
    verify_version(&mut connection).await?;
    verify_settings(&mut connection).await?;
    if planted(Bug::CommitWithoutSync) {
        sqlx::query("pragma synchronous = normal").execute(&mut connection).await?;
    }
    move_log(&mut connection).await?;
    MIGRATIONS.run(&mut connection).await.map_err(migration_error)?;
    Ok(connection)
}

/// Moves what the write-ahead log holds into the database, and begins the log anew.
///
/// A process before this one may have ended because the log could not be synced. The system then still shows what was
/// written, as if it were on the disk, and no later sync says that it is not: new commits behind it would be lost with
/// it in a power cut. In the database it is written once more, and synced. Whoever reads beside us (a backup) is waited
/// for as long as for a lock.
async fn move_log(connection: &mut Connection) -> Result<(), StoreError> {
    sqlx::query("pragma wal_checkpoint(truncate)").execute(connection).await?;
    Ok(())
}

/// Opens the connections that read. The file must exist and be open for writing.
pub(crate) async fn connect_readers(path: &Path) -> Result<Readers, StoreError> {
    let options = options(path).read_only(true).pragma("query_only", "ON");
    let connections = futures::future::try_join_all((0..READERS).map(|_| options.connect())).await?;
    Ok(Readers::from(connections))
}

/// Reads the newest migration that was applied.
pub(crate) async fn schema(reader: &mut Connection) -> Result<i64, StoreError> {
    let found = "select coalesce(max(version), 0) from _sqlx_migrations where success";
    Ok(sqlx::query_scalar(found).fetch_one(reader).await?)
}

/// Reads the newest migration of a file without making any other beside it; 0 of one that has none.
pub(crate) async fn peek(path: &Path) -> Result<i64, StoreError> {
    // There is a rollback journal only where a server was cut off before the database had its first table. Nobody who
    // may only read can undo that, and whoever writes does.
    if has_content(&beside(path, "-journal")) {
        return Ok(0);
    }
    // Where there is a write-ahead log, what it holds counts. Where there is none, none is to be made.
    let mut connection =
        options(path).read_only(true).immutable(!has_content(&write_ahead_log(path))).connect().await?;
    let any = "select count(*) from sqlite_master where name = '_sqlx_migrations'";
    let found = match sqlx::query_scalar::<_, i64>(any).fetch_one(&mut connection).await? {
        0 => Ok(0),
        _ => schema(&mut connection).await,
    };
    sqlx::Connection::close(connection).await?;
    found
}

/// Tells whether there is something in a file.
fn has_content(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

/// Writes one state of a database to another file, while others write to it.
pub(crate) async fn vacuum_into(from: &Path, to: &str) -> Result<(), StoreError> {
    let mut connection = options(from).read_only(true).connect().await?;
    let copied = sqlx::query("vacuum into $1").bind(to).execute(&mut connection).await;
    sqlx::Connection::close(connection).await?;
    copied?;
    Ok(())
}

/// Waits for every read and closes the connections.
pub(crate) async fn close_readers(readers: &Readers) {
    for _ in 0..READERS {
        let Ok(reader) = readers.remove().await else { break };
        if let Err(error) = sqlx::Connection::close(reader).await {
            tracing::warn!(%error, "closing a connection that reads failed");
        }
    }
    readers.close();
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .pragma("mmap_size", "0")
        .pragma("journal_size_limit", "67108864")
        .statement_cache_capacity(256)
        .disable_statement_logging()
}

async fn verify_version(connection: &mut Connection) -> Result<(), StoreError> {
    let found: String = sqlx::query_scalar("select sqlite_version()").fetch_one(connection).await?;
    let parts: Vec<u32> = found.split('.').map_while(|part| part.parse().ok()).collect();
    if parts.as_slice() >= OLDEST_VERSION.as_slice() {
        return Ok(());
    }
    let wanted = format!("{} or newer", OLDEST_VERSION.map(|part| part.to_string()).join("."));
    Err(StoreError::Setting { name: "sqlite_version", wanted, found })
}

async fn verify_settings(connection: &mut Connection) -> Result<(), StoreError> {
    for (name, wanted) in SETTINGS {
        let row = sqlx::query(AssertSqlSafe(format!("pragma {name}"))).fetch_one(&mut *connection).await?;
        let found: String = row.try_get_unchecked(0)?;
        if found != wanted {
            return Err(StoreError::Setting { name, wanted: wanted.to_owned(), found });
        }
    }
    Ok(())
}

/// How the pages of the file are used.
pub(crate) struct Space {
    /// How many there are.
    pub(crate) all: i64,
    /// How many of them hold nothing.
    pub(crate) free: i64,
    /// How many bytes each has.
    pub(crate) page: i64,
    /// Whether those can be given back; a database that was made by an earlier version only uses them again.
    pub(crate) gives_back: bool,
}

/// Reads how the pages of the file are used.
pub(crate) async fn space(reader: &mut Connection) -> Result<Space, StoreError> {
    let (all, free, page, vacuum): (i64, i64, i64, i64) = sqlx::query_as(
        "select page_count, freelist_count, page_size, auto_vacuum
         from pragma_page_count, pragma_freelist_count, pragma_page_size, pragma_auto_vacuum",
    )
    .fetch_one(reader)
    .await?;
    Ok(Space { all, free, page, gives_back: vacuum == 2 })
}

/// The write-ahead log of a database.
pub(crate) fn write_ahead_log(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// The file whose name is the database's and a suffix.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Moves what is in the write-ahead log to the database and empties it, waiting a moment for those who read. Who reads
/// for long keeps it from that; answers whether it is empty.
pub(crate) async fn empty_log(connection: &mut Connection) -> Result<bool, StoreError> {
    sqlx::query("pragma busy_timeout = 50").execute(&mut *connection).await?;
    let emptied = sqlx::query("pragma wal_checkpoint(truncate)").fetch_one(&mut *connection).await;
    sqlx::query("pragma busy_timeout = 5000").execute(&mut *connection).await?;
    Ok(emptied?.try_get::<i64, _>(0)? == 0)
}

/// Checks the structure of the file and that every reference leads somewhere; answers what is wrong.
pub(crate) async fn check_file(reader: &mut Connection) -> Result<Vec<String>, StoreError> {
    let mut flaws: Vec<String> = sqlx::query_scalar("pragma integrity_check").fetch_all(&mut *reader).await?;
    flaws.retain(|line| line != "ok");
    let orphans = sqlx::query("pragma foreign_key_check").fetch_all(reader).await?.len();
    if orphans > 0 {
        flaws.push(format!("{orphans} rows refer to rows that do not exist"));
    }
    Ok(flaws)
}

fn migration_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(found) => StoreError::NewerSchema { found, known: newest_schema() },
        MigrateError::Execute(error) => error.into(),
        other => StoreError::Database(Fault::new(other)),
    }
}

/// The newest schema this program knows.
pub(crate) fn newest_schema() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

impl From<sqlx::Error> for StoreError {
    /// Sorts by result code (<https://sqlite.org/rescode.html>), never by text.
    fn from(error: sqlx::Error) -> Self {
        const READONLY: i32 = 8;
        const IOERR: i32 = 10;
        const CORRUPT: i32 = 11;
        const FULL: i32 = 13;
        const CANTOPEN: i32 = 14;
        const CONSTRAINT: i32 = 19;
        const NOTADB: i32 = 26;

        let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<i32>().ok());
        let fault = Fault::of(error);
        // The low byte is the primary code, the rest says which kind of it.
        match code.map(|code| code & 0xff) {
            Some(FULL) => Self::Full(fault),
            Some(CONSTRAINT) => Self::Constraint(fault),
            Some(READONLY | IOERR | CORRUPT | CANTOPEN | NOTADB) => Self::Disk(fault),
            _ => Self::Database(fault),
        }
    }
}
