//! What the changes of a unit see of the writer's transaction.
//!
//! Entries of the log are collected here and written in as few statements as possible: nothing in a transaction reads
//! them, so they can wait until its end.
//!
//! Invariant: positions are handed out here and nowhere else, one after the other; a unit that is rolled back gives
//! its positions back, so the log has no gaps.

use std::borrow::Cow;

use kiket_core::{ProjectId, Timestamp};
use sqlx::QueryBuilder;

use crate::change::NewEvent;
use crate::sqlite::{Connection, Database};
use crate::{Seq, StoreError, Stream};

/// Rows in one insert statement: enough to spare round trips, few enough that statements of every length stay
/// prepared.
pub(crate) const ROWS_PER_INSERT: usize = 32;

/// The open transaction.
pub(crate) struct Unit<'c> {
    pub(crate) connection: &'c mut Connection,
    /// The boot epoch that leases are given in.
    pub(crate) epoch: i64,
    /// The last position handed out.
    pub(crate) head: i64,
    /// Whether work was put that nobody holds.
    pub(crate) readied: bool,
    /// The kinds of everything that was appended, in order.
    pub(crate) kinds: Vec<Cow<'static, str>>,
    /// What is not written yet.
    entries: Vec<NewEntry>,
    /// The position before the first that was handed out.
    start: i64,
}

/// Whose history something is appended to.
#[derive(Clone, Copy)]
pub(crate) struct History {
    pub(crate) project: ProjectId,
    /// `None` for what belongs to the project alone.
    pub(crate) stream: Option<Stream>,
    /// The last event before; `None` for what is not numbered.
    pub(crate) seq: Option<Seq>,
}

struct NewEntry {
    position: i64,
    /// `seq` is its own number here.
    history: History,
    at: Timestamp,
    event: NewEvent,
}

impl<'c> Unit<'c> {
    pub(crate) fn new(connection: &'c mut Connection, epoch: i64, head: i64) -> Self {
        Self { connection, epoch, head, readied: false, kinds: Vec::new(), entries: Vec::new(), start: head }
    }

    /// Appends to the log, at the next positions.
    pub(crate) fn append<'e>(
        &mut self,
        mut history: History,
        at: Timestamp,
        events: impl IntoIterator<Item = &'e NewEvent>,
    ) {
        for event in events {
            self.head += 1;
            history.seq = history.seq.map(|seq| Seq::new(seq.get() + 1));
            self.kinds.push(event.kind.clone());
            self.entries.push(NewEntry { position: self.head, history, at, event: event.clone() });
        }
    }

    /// Forgets what was appended after `head` and not written.
    pub(crate) fn rewind(&mut self, head: i64) {
        self.head = head;
        self.kinds.truncate(usize::try_from(head - self.start).unwrap_or_default());
        self.entries.retain(|entry| entry.position <= head);
    }

    /// Writes what was appended.
    pub(crate) async fn flush(&mut self) -> Result<(), StoreError> {
        let mut entries = self.entries.drain(..).peekable();
        while entries.peek().is_some() {
            let mut insert = QueryBuilder::<Database>::new(
                "insert into log (position, project, run, item, seq, kind, stage, at, data) ",
            );
            insert.push_values(entries.by_ref().take(ROWS_PER_INSERT), |mut row, entry| {
                row.push_bind(entry.position)
                    .push_bind(entry.history.project.to_string())
                    .push_bind(entry.history.stream.and_then(Stream::run).map(|run| run.to_string()))
                    .push_bind(entry.history.stream.and_then(Stream::item).map(|item| item.to_string()))
                    .push_bind(entry.history.seq.map(Seq::get))
                    .push_bind(entry.event.kind.into_owned())
                    .push_bind(entry.event.stage)
                    .push_bind(entry.at.millis())
                    .push_bind(entry.event.data);
            });
            insert.build().execute(&mut *self.connection).await?;
        }
        Ok(())
    }

    /// Runs a statement that controls the transaction.
    pub(crate) async fn control(&mut self, statement: &'static str) -> Result<(), StoreError> {
        sqlx::query(statement).execute(&mut *self.connection).await?;
        Ok(())
    }
}
