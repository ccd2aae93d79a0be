//! What the changes of a unit see of the writer's transaction.
//!
//! What is only written is gathered in a script. Entries of the log are collected apart and written in as few statements
//! as possible: nothing in a transaction reads them, so they can wait until its end.
//!
//! Invariants: nothing is read before what was gathered is written; positions are handed out here and nowhere else, one after the other; a unit that is rolled back gives
//! its positions back, so the log has no gaps.

use std::borrow::Cow;

use kiket_core::{ProjectId, Timestamp};
use sqlx::QueryBuilder;

use crate::change::{self, NewEvent};
use crate::script::{Expected, Script, Stopped};
use crate::sqlite::{BEGIN, Connection, Database};
use crate::{CommitError, Seq, StoreError, Stream};

/// Rows in one insert statement: enough to spare round trips, few enough that statements of every length stay
/// prepared.
pub(crate) const ROWS_PER_INSERT: usize = 32;

/// The open transaction.
pub(crate) struct Unit<'c> {
    connection: &'c mut Connection,
    script: Script,
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
    /// Begins a transaction, with the first statement that is run.
    pub(crate) fn begin(connection: &'c mut Connection, epoch: i64, head: i64) -> Self {
        let mut script = Script::default();
        script.add(Expected::Anything, |sql| _ = sql.push(BEGIN));
        let (kinds, entries) = (Vec::new(), Vec::new());
        Self { connection, script, epoch, head, readied: false, kinds, entries, start: head }
    }

    /// Gathers a statement that only writes. Its values are bound with `?`, in order.
    pub(crate) fn gather(&mut self, expected: Expected, write: impl FnOnce(&mut QueryBuilder<Database>)) {
        self.script.add(expected, write);
    }

    /// Runs what was gathered and answers the connection, for what has to be read.
    pub(crate) async fn connection(&mut self) -> Result<&mut Connection, CommitError> {
        match self.script.run(self.connection).await {
            Ok(()) => Ok(self.connection),
            Err(Stopped::Failed(error)) => Err(error.into()),
            Err(Stopped::Otherwise(why)) => Err(change::explain(why, self.connection).await?.into()),
        }
    }

    /// Answers the connection to a request that has gathered nothing.
    pub(crate) async fn settled(&mut self) -> Result<&mut Connection, StoreError> {
        self.run().await?;
        Ok(self.connection)
    }

    /// Runs a statement that controls the transaction. What requests have gathered must have been run.
    pub(crate) async fn control(&mut self, statement: &'static str) -> Result<(), StoreError> {
        self.script.add(Expected::Anything, |sql| _ = sql.push(statement));
        self.run().await
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

    /// Goes back to a savepoint: forgets what was gathered since, and what was appended after `head`.
    pub(crate) async fn rewind(&mut self, savepoint: &'static str, head: i64) -> Result<(), StoreError> {
        self.script = Script::default();
        self.head = head;
        self.kinds.truncate(usize::try_from(head - self.start).unwrap_or_default());
        self.entries.retain(|entry| entry.position <= head);
        sqlx::query(savepoint).execute(&mut *self.connection).await?;
        Ok(())
    }

    /// Writes the entries that were appended.
    pub(crate) async fn write_log(&mut self) -> Result<(), StoreError> {
        self.gather_log();
        self.run().await
    }

    /// Gathers the entries that were appended.
    fn gather_log(&mut self) {
        let mut entries = self.entries.drain(..).peekable();
        while entries.peek().is_some() {
            self.script.add(Expected::Anything, |insert| {
                insert.push("insert into log (position, project, run, item, seq, kind, stage, at, data) ");
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
            });
        }
    }

    /// Moves the counter and makes the transaction durable. What requests have gathered must have been run: here it is
    /// too late to refuse one.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where it is not known whether the transaction is durable.
    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        self.gather_log();
        if self.head != self.start {
            let head = self.head;
            self.script.add(Expected::Anything, |sql| {
                sql.push("update counter set position = ").push_bind(head).push(" where id = 1");
            });
        }
        self.script.add(Expected::Commit, |sql| _ = sql.push("commit"));
        self.run().await
    }

    /// Runs what was gathered of which nothing is expected.
    async fn run(&mut self) -> Result<(), StoreError> {
        match self.script.run(self.connection).await {
            Ok(()) => Ok(()),
            Err(Stopped::Otherwise(_)) => unreachable!("every request runs what it has gathered"),
            Err(Stopped::Failed(error)) => Err(error),
        }
    }
}
