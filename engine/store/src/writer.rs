//! The writer: one task, one connection, one transaction at a time, many requests in each.
//!
//! It takes whatever waits, up to [`GROUP`] requests, and commits it with one sync of the disk. Almost always all of
//! it can be committed: so a group is tried at once as a whole, and only when a request is refused it is undone and
//! done again with each request in a savepoint, where one that is refused takes nothing of the others with it.
//!
//! Invariants: no answer leaves before the commit; after a write that may or may not have reached the disk nothing is
//! written at all (a second sync can succeed without the lost pages: it proves nothing).

use std::collections::BTreeMap;
use std::fs::{File, metadata};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use kiket_core::planted::{Bug, planted};
use tokio::sync::{Notify, SetOnce, mpsc, watch};

use crate::recent::Recent;
use crate::request::{Request, Verdict};
use crate::sqlite::{self, Connection};
use crate::unit::Unit;
use crate::{Entry, Position, StoreError};

/// The most requests in one commit.
pub(crate) const GROUP: usize = 256;

/// Above so many bytes the write-ahead log is emptied: it is above only where readers follow one another so closely that it
/// never begins anew by itself.
const LOG_BYTES: u64 = 64 * 1024 * 1024;
/// After so many commits its size is looked at.
const STRIDE: u64 = 64;

/// What the writer tells everybody, and what it is told.
pub(crate) struct Signals {
    /// The last committed position.
    pub(crate) head: watch::Sender<Position>,
    /// Counts the commits that put work nobody holds.
    pub(crate) readied: watch::Sender<u64>,
    /// How often each kind was committed since the start.
    pub(crate) appended: Arc<Mutex<Appended>>,
    /// The newest part of the log.
    pub(crate) recent: Arc<Mutex<Recent>>,
    /// Set once, when writing has become unsafe.
    pub(crate) failure: Arc<SetOnce<StoreError>>,
    /// Asks the writer to finish what waits and to end.
    pub(crate) stop: Arc<Notify>,
}

/// The task that owns the write connection.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) epoch: i64,
    /// The last committed position. Only this writer moves it.
    pub(crate) head: i64,
    /// How many groups were committed.
    pub(crate) commits: u64,
    /// The database.
    pub(crate) path: PathBuf,
    pub(crate) signals: Signals,
    /// Keeps other processes out for as long as the connection lives.
    pub(crate) lock: File,
}

/// How often something of each kind was appended to the log.
pub type Appended = BTreeMap<String, u64>;

/// What a group has done when it is committed.
struct Written {
    head: i64,
    entries: Vec<Entry>,
    readied: bool,
}

impl Written {
    fn by(unit: Unit<'_>) -> Self {
        Self { head: unit.head, entries: unit.entries, readied: unit.readied }
    }
}

impl Writer {
    /// Serves requests until asked to stop, or until every handle is gone.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut group = Vec::with_capacity(GROUP);
        loop {
            tokio::select! {
                () = self.signals.stop.notified() => requests.close(),
                received = requests.recv_many(&mut group, GROUP) => match received {
                    0 => break,
                    _ => self.serve(&mut group).await,
                },
            }
        }
        if let Err(error) = sqlx::Connection::close(self.connection).await {
            tracing::warn!(%error, "closing the database failed; the next start recovers it");
        }
        drop(self.lock);
    }

    /// Commits a group and answers it.
    async fn serve(&mut self, group: &mut Vec<Request>) {
        if planted(Bug::HeardBeforeCommit) {
            self.signals.head.send_replace(Position::new(self.head + 1));
        }
        let failure = match self.write(group).await {
            Ok(written) => {
                self.publish(written);
                None
            }
            Err(error) => Some(error),
        };
        for mut request in group.drain(..) {
            request.finish(failure.as_ref());
        }
        self.commits += 1;
        if self.commits.is_multiple_of(STRIDE) && failure.is_none() {
            self.bound_log().await;
        }
    }

    /// Empties the write-ahead log where it has grown too large. Where somebody reads for long, a backup perhaps, it
    /// grows on until that ends.
    async fn bound_log(&mut self) {
        if metadata(sqlite::write_ahead_log(&self.path)).is_ok_and(|log| log.len() > LOG_BYTES) {
            match sqlite::empty_log(&mut self.connection).await {
                Ok(true) => {}
                Ok(false) => tracing::debug!("the write-ahead log is large, and somebody reads"),
                Err(error) => tracing::warn!(%error, "the write-ahead log cannot be emptied"),
            }
        }
    }

    fn publish(&mut self, written: Written) {
        if !written.entries.is_empty() {
            let mut appended = self.signals.appended.lock().unwrap_or_else(PoisonError::into_inner);
            for Entry { kind, .. } in &written.entries {
                match appended.get_mut(kind) {
                    Some(count) => *count += 1,
                    None => _ = appended.insert(kind.clone(), 1),
                }
            }
            drop(appended);
            self.signals.recent.lock().unwrap_or_else(PoisonError::into_inner).add(written.entries);
        }
        if written.head != self.head {
            self.head = written.head;
            self.signals.head.send_replace(Position::new(written.head));
        }
        if written.readied {
            self.signals.readied.send_modify(|count| *count += 1);
        }
    }

    /// Writes a group in one transaction. On an error nothing of it was written, as far as can be known.
    async fn write(&mut self, group: &mut [Request]) -> Result<Written, StoreError> {
        if let Some(failure) = self.signals.failure.get() {
            return Err(failure.clone());
        }
        let result = match self.try_whole(group).await {
            Ok(None) => self.try_each(group).await,
            Ok(Some(written)) => Ok(written),
            Err(error) => Err(error),
        };
        if let Err(error) = &result {
            self.roll_back().await;
            if error.is_fatal() {
                self.stop_writing(error);
            }
        }
        result
    }

    /// Writes the group as if nothing could be refused. Answers `None`, and has written nothing, if something was.
    async fn try_whole(&mut self, group: &mut [Request]) -> Result<Option<Written>, StoreError> {
        let mut unit = Unit::begin(&mut self.connection, self.epoch, self.head);
        for request in &mut *group {
            request.run(&mut unit).await;
            match request.verdict() {
                Verdict::Done => {}
                Verdict::Refused(_) => {
                    self.roll_back().await;
                    return Ok(None);
                }
                Verdict::Fatal(error) => return Err(error),
            }
        }
        if planted(Bug::AcknowledgedBeforeCommit) {
            group.iter_mut().for_each(|request| request.finish(None));
        }
        match unit.commit().await {
            Ok(()) => Ok(Some(Written::by(unit))),
            Err(error) if error.is_fatal() => Err(error),
            Err(_) => {
                self.roll_back().await;
                Ok(None)
            }
        }
    }

    /// Writes the group, each request in a savepoint, without those that are refused.
    async fn try_each(&mut self, group: &mut [Request]) -> Result<Written, StoreError> {
        let mut unit = Unit::begin(&mut self.connection, self.epoch, self.head);
        for request in group {
            let (head, readied) = (unit.head, unit.readied);
            unit.control("savepoint request").await?;
            request.run(&mut unit).await;
            if matches!(request.verdict(), Verdict::Done)
                && let Err(error) = unit.finish().await
            {
                request.refuse(error);
            }
            match request.verdict() {
                Verdict::Done => {}
                Verdict::Refused(cause) => {
                    // The database may have given up the whole transaction because of the error (no space, no memory).
                    // The savepoint is gone then, this fails, and the group fails with it.
                    unit.rewind("rollback to request", head).await.map_err(|error| cause.unwrap_or(error))?;
                    unit.readied = readied;
                }
                Verdict::Fatal(error) => return Err(error),
            }
            unit.control("release request").await?;
        }
        unit.commit().await?;
        Ok(Written::by(unit))
    }

    /// Ends a transaction that failed. It may be over already, then this fails, and that is fine; if it should
    /// stay open against all odds, the next one cannot begin.
    async fn roll_back(&mut self) {
        _ = sqlx::query("rollback").execute(&mut self.connection).await;
    }

    /// Makes every later call fail.
    fn stop_writing(&self, error: &StoreError) {
        let failed = error.clone().into_failed();
        tracing::error!(error = &failed as &dyn std::error::Error, "the store stops");
        _ = self.signals.failure.set(failed);
    }
}
