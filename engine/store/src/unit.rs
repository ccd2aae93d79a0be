//! What the changes of a unit see of the writer's transaction.
//!
//! What is only written is gathered in scripts, one for each request. Scripts that do the same to other rows are put
//! together, so that many requests take few changes of thread. Entries of the log are collected apart and written in as
//! few statements as possible: nothing in a transaction reads them, so they can wait until its end.
//!
//! Invariants: nothing is read before what was gathered is written; positions are handed out here and nowhere else, one
//! after the other; a unit that is rolled back gives its positions back, so the log has no gaps. Scripts of different
//! requests may change places: requests that wait at the same time have no order among them.

use kiket_core::planted::{Bug, planted};
use kiket_core::{ProjectId, Timestamp};

use crate::brief;
use crate::change::{self, NewEvent};
use crate::script::{Expected, Script, Sql, Stopped, Value, values};
use crate::sqlite::{BEGIN, Connection};
use crate::{CommitError, Entry, Position, Seq, StoreError, Stream};

/// Rows in one insert statement: enough to spare round trips, few enough that statements of every length stay
/// prepared.
pub(crate) const ROWS_PER_INSERT: usize = 32;

/// How many scripts of the same text are run at once, and halves of that, so that few texts stay prepared.
const TOGETHER: usize = 8;

/// The open transaction.
pub(crate) struct Unit<'c> {
    connection: &'c mut Connection,
    /// Begins the transaction, with the first script that is run.
    opening: Script,
    /// What the requests before have gathered.
    gathered: Vec<Script>,
    /// What the request at hand has gathered.
    script: Script,
    /// The boot epoch that leases are given in.
    pub(crate) epoch: i64,
    /// The last position handed out.
    pub(crate) head: i64,
    /// Whether work was put that nobody holds.
    pub(crate) readied: bool,
    /// Everything that was appended, in order.
    pub(crate) entries: Vec<Entry>,
    /// How many of them are written.
    written: usize,
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

impl<'c> Unit<'c> {
    /// Begins a transaction, with the first statement that is run.
    pub(crate) fn begin(connection: &'c mut Connection, epoch: i64, head: i64) -> Self {
        let mut opening = Script::default();
        opening.add(Expected::Anything, |sql| _ = sql.push(BEGIN));
        let (gathered, script) = (Vec::new(), Script::default());
        let (entries, written) = (Vec::new(), 0);
        Self { connection, opening, gathered, script, epoch, head, readied: false, entries, written, start: head }
    }

    /// Gathers a statement that only writes.
    pub(crate) fn gather(&mut self, expected: Expected, write: impl FnOnce(&mut Sql)) {
        self.script.add(expected, write);
    }

    /// Ends what one request gathers.
    pub(crate) fn next(&mut self) {
        if !self.script.is_empty() {
            self.gathered.push(std::mem::take(&mut self.script));
        }
    }

    /// Runs what was gathered and answers the connection, for what has to be read.
    pub(crate) async fn connection(&mut self) -> Result<&mut Connection, CommitError> {
        match self.run().await {
            Ok(()) => Ok(self.connection),
            Err(Stopped::Failed(error)) => Err(error.into()),
            Err(Stopped::Otherwise(why)) => Err(change::explain(why, self.connection).await?.into()),
        }
    }

    /// Answers the connection to a request that rests on nothing.
    pub(crate) async fn settled(&mut self) -> Result<&mut Connection, StoreError> {
        self.run().await?;
        Ok(self.connection)
    }

    /// Runs what one request has gathered and appended, and finds out why it cannot be.
    pub(crate) async fn finish(&mut self) -> Result<(), CommitError> {
        self.connection().await?;
        self.write_log().await?;
        self.connection().await.map(drop)
    }

    /// Runs a statement that controls the transaction. What requests have gathered must have been run.
    pub(crate) async fn control(&mut self, statement: &'static str) -> Result<(), StoreError> {
        self.gather(Expected::Anything, |sql| _ = sql.push(statement));
        self.settled().await.map(drop)
    }

    /// Runs everything that was gathered, scripts of the same text together.
    async fn run(&mut self) -> Result<(), Stopped> {
        self.next();
        let mut scripts = std::mem::take(&mut self.gathered);
        scripts.sort_by(|one, other| one.text().cmp(other.text()));
        let mut opening = std::mem::take(&mut self.opening);
        while !scripts.is_empty() {
            let alike = scripts.iter().take_while(|script| script.text() == scripts[0].text()).count();
            let together = (alike + 1).next_power_of_two() / 2;
            for script in scripts.drain(..together.min(TOGETHER)) {
                opening.append(script);
            }
            std::mem::take(&mut opening).run(self.connection).await?;
        }
        opening.run(self.connection).await
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
            let step = if planted(Bug::GapInSequence) { 2 } else { 1 };
            history.seq = history.seq.map(|seq| Seq::new(seq.get() + step));
            self.entries.push(Entry {
                position: Position::new(self.head),
                project: history.project,
                run: history.stream.and_then(Stream::run),
                item: history.stream.and_then(Stream::item),
                seq: history.seq,
                kind: event.kind.clone().into_owned(),
                stage: event.stage.clone(),
                at,
                data: event.data.clone(),
            });
        }
    }

    /// Goes back to a savepoint: forgets what was gathered since, and what was appended after `head`.
    pub(crate) async fn rewind(&mut self, savepoint: &'static str, head: i64) -> Result<(), StoreError> {
        self.gathered.clear();
        self.script = Script::default();
        self.head = head;
        self.entries.truncate(usize::try_from(head - self.start).unwrap_or_default());
        self.written = self.written.min(self.entries.len());
        self.control(savepoint).await
    }

    /// Writes the entries that were appended; the last of them are only gathered, to go with what comes next.
    async fn write_log(&mut self) -> Result<(), StoreError> {
        while self.written < self.entries.len() {
            let some = self.entries[self.written..].iter().take(ROWS_PER_INSERT);
            let rows: Vec<_> = some.map(values_of).collect();
            self.written += rows.len();
            self.gather(Expected::Anything, |sql| {
                sql.push("insert into log (position, project, run, item, seq, kind, stage, at, data)").rows(rows);
            });
            if self.written < self.entries.len() {
                self.settled().await?;
            }
        }
        Ok(())
    }

    /// Moves the counter and makes the transaction durable, with everything that was gathered.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where it is not known whether the transaction is durable.
    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        self.next();
        // What one request alone gathers goes with the commit, which is not reached if it comes to nothing.
        if self.gathered.len() == 1 && self.gathered[0].guard() {
            self.script = self.gathered.remove(0);
        } else {
            self.settled().await?;
        }
        self.write_log().await?;
        if self.head != self.start {
            let head = self.head;
            self.gather(Expected::Anything, |sql| {
                sql.push("update counter set position = ").bind(head).push(" where id = 1");
            });
        }
        self.gather(Expected::Commit, |sql| _ = sql.push("commit"));
        self.settled().await.map(drop)
    }
}

fn values_of(entry: &Entry) -> Vec<Value> {
    let data = brief::shorten(&entry.kind, entry.stage.as_deref(), entry.data.clone());
    values![
        entry.position.get(),
        entry.project.to_string(),
        entry.run.map(|run| run.to_string()),
        entry.item.map(|item| item.to_string()),
        entry.seq.map(Seq::get),
        entry.kind.clone(),
        entry.stage.clone(),
        entry.at.millis(),
        data,
    ]
}
