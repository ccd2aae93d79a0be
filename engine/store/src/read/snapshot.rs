//! One state of the database, read whole in pages: for checks that compare one part of it with another.
//!
//! Nothing that is committed meanwhile is seen, so a run in flight is at one event everywhere. SQLite keeps what is
//! written meanwhile in the write-ahead log until the snapshot ends: it is for the doctor and for tests.

use kiket_core::{ItemId, RunId, Timestamp};
use sqlx::{Connection as _, QueryBuilder, Row as _, Transaction};

use super::check::Stuck;
use super::flaws::Flaw;
use super::{Effect, Entry, ItemRow, RunRow, check, flaws, item};
use crate::sqlite::{Connection, Database};
use crate::text::Columns as _;
use crate::{Journal, Position, Store, StoreError, Stream, WorkKey};

/// A connection to take a [`Snapshot`] on.
pub struct Look {
    reader: deadpool::unmanaged::Object<Connection>,
}

/// One state of the database. Pages are in the order of their keys; an empty one is the end.
pub struct Snapshot<'l> {
    transaction: Transaction<'l, Database>,
}

/// A row of work as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkRow {
    /// The row.
    pub key: WorkKey,
    /// Not before this time.
    pub due: Timestamp,
    /// Whether somebody holds it.
    pub leased: bool,
}

impl Store {
    /// Takes a connection to look with, for as long as it takes.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn look(&self) -> Result<Look, StoreError> {
        Ok(Look { reader: self.reader().await? })
    }
}

impl Look {
    /// Begins a snapshot: what is committed at its first read is what it shows. Dropping it ends it.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn begin(&mut self) -> Result<Snapshot<'_>, StoreError> {
        Ok(Snapshot { transaction: self.reader.begin().await? })
    }
}

impl Snapshot<'_> {
    /// What [`Store::integrity`] finds, and by which rule.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn flaws(&mut self) -> Result<Vec<Flaw>, StoreError> {
        flaws::find(&mut self.transaction).await
    }

    /// What [`Store::stuck`] finds.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn stuck(&mut self) -> Result<Vec<Stuck>, StoreError> {
        check::stuck(&mut self.transaction).await
    }

    /// Reads the next runs, oldest first.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn runs(&mut self, after: Option<RunId>, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let rows = sqlx::query("select * from runs where id > $1 order by id limit $2")
            .bind(after.map(|id| id.to_string()).unwrap_or_default())
            .bind(limit)
            .fetch_all(&mut *self.transaction)
            .await?;
        rows.iter().map(RunRow::read).collect()
    }

    /// Reads a run.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn run(&mut self, id: RunId) -> Result<Option<RunRow>, StoreError> {
        let query = sqlx::query("select * from runs where id = $1").bind(id.to_string());
        query.fetch_optional(&mut *self.transaction).await?.as_ref().map(RunRow::read).transpose()
    }

    /// Reads the next items, oldest first.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn items(&mut self, after: Option<ItemId>, limit: u32) -> Result<Vec<ItemRow>, StoreError> {
        let mut query = QueryBuilder::new("select * from items where id > ");
        query.push_bind(after.map(|id| id.to_string()).unwrap_or_default());
        query.push(" order by id limit ").push_bind(i64::from(limit));
        item::read(&mut self.transaction, query).await
    }

    /// Reads the next events of a stream in the order of their positions, and no records.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn history(&mut self, stream: Stream, after: Position, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let (column, id) = match stream {
            Stream::Run(run) => ("run", run.to_string()),
            Stream::Item(item) => ("item", item.to_string()),
        };
        let mut query = QueryBuilder::<Database>::new("select * from log where seq is not null and ");
        query.push(column).push(" = ").push_bind(id).push(" and position > ").push_bind(after.get());
        query.push(" order by position limit ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut *self.transaction).await?;
        rows.iter().map(Entry::read).collect()
    }

    /// Reads the work that belongs to a run.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn work_of(&mut self, run: RunId) -> Result<Vec<WorkRow>, StoreError> {
        let rows = sqlx::query("select key, due, owner from work where run = $1 order by key")
            .bind(run.to_string())
            .fetch_all(&mut *self.transaction)
            .await?;
        let read = |row| -> Result<WorkRow, StoreError> {
            let row: &crate::sqlite::Row = row;
            let leased = row.optional_text("owner")?.is_some();
            Ok(WorkRow { key: WorkKey(row.text("key")?), due: row.time("due")?, leased })
        };
        rows.iter().map(read).collect()
    }

    /// Reads all effects of a run, journal by journal.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn effects_of(&mut self, run: RunId) -> Result<Vec<(Journal, Effect)>, StoreError> {
        let rows = sqlx::query("select * from effects where run = $1 order by stage, journal, ordinal")
            .bind(run.to_string())
            .fetch_all(&mut *self.transaction)
            .await?;
        let read = |row| -> Result<(Journal, Effect), StoreError> {
            let row: &crate::sqlite::Row = row;
            let attempt = u32::try_from(row.number("journal")?).unwrap_or(u32::MAX);
            Ok((Journal { run, stage: row.text("stage")?, attempt }, Effect::read(row)?))
        };
        rows.iter().map(read).collect()
    }

    /// Reads the next texts that are kept by their digest.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn blobs(&mut self, after: &str, limit: u32) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query("select digest, text from blobs where digest > $1 order by digest limit $2")
            .bind(after)
            .bind(limit)
            .fetch_all(&mut *self.transaction)
            .await?;
        rows.iter().map(|row| Ok((row.try_get("digest")?, row.try_get("text")?))).collect()
    }
}
