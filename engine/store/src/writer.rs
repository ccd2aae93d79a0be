//! The writer: one task, one connection, one transaction at a time, many units in each.
//!
//! It takes whatever waits, up to [`GROUP`] requests, and commits it with one sync of the disk. Each request runs in a
//! savepoint, so one that fails takes nothing of the others with it. No answer leaves before the commit.
//!
//! Invariants: nothing is written outside a transaction begun here; after a write that may or may not have reached
//! the disk nothing is written at all (a second sync can succeed without the lost pages: it proves nothing).

use std::fs::File;
use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::change::Change;
use crate::claim;
use crate::request::{Answer, Ask, Pending, Refusal, Renewal, Request};
use crate::sqlite::{BEGIN, Connection};
use crate::unit::Unit;
use crate::{CommitError, Position, StoreError};

/// The most requests in one commit.
pub(crate) const GROUP: usize = 256;

/// What the writer tells everybody.
pub(crate) struct Signals {
    /// The last committed position.
    pub(crate) head: watch::Sender<Position>,
    /// Counts the commits that put work nobody holds.
    pub(crate) readied: watch::Sender<u64>,
    /// Set once, when writing has become unsafe.
    pub(crate) failure: Arc<OnceLock<StoreError>>,
    /// Asks the writer to finish what waits and to end.
    pub(crate) stop: Arc<Notify>,
}

/// The task that owns the write connection.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) epoch: i64,
    /// The last committed position. Only this writer moves it.
    pub(crate) head: i64,
    pub(crate) signals: Signals,
    /// Keeps other processes out for as long as the connection lives.
    pub(crate) lock: File,
}

/// What a group leaves behind once it is committed.
struct Written {
    head: i64,
    readied: bool,
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
        let mut requests = group.drain(..);
        let mut answers: Vec<Box<dyn Answer>> = Vec::with_capacity(requests.len());
        match self.write(&mut requests, &mut answers).await {
            Ok(written) => {
                self.publish(written);
                answers.into_iter().for_each(|answer| answer.send());
            }
            Err(error) => {
                answers.into_iter().for_each(|answer| answer.fail(&error));
                requests.for_each(|request| request.fail(&error));
            }
        }
    }

    fn publish(&mut self, written: Written) {
        if written.head != self.head {
            self.head = written.head;
            self.signals.head.send_replace(Position::new(written.head));
        }
        if written.readied {
            self.signals.readied.send_modify(|count| *count += 1);
        }
    }

    /// Runs the requests in one transaction. On an error nothing of it was written, as far as can be known.
    async fn write(
        &mut self,
        requests: &mut impl Iterator<Item = Request>,
        answers: &mut Vec<Box<dyn Answer>>,
    ) -> Result<Written, StoreError> {
        if let Some(failure) = self.signals.failure.get() {
            return Err(failure.clone());
        }
        let result = match self.execute(requests, answers).await {
            Ok(written) => self.commit(&written).await.map(|()| written),
            Err(error) => Err(error),
        };
        if let Err(error) = &result {
            // The transaction may be gone already: then this fails, and that is fine. If it is still there and
            // stays, the next `begin` fails.
            _ = self.control("rollback").await;
            if error.is_fatal() {
                self.stop_writing(error);
            }
        }
        result
    }

    /// Begins the transaction and runs each request in a savepoint of it.
    async fn execute(
        &mut self,
        requests: &mut impl Iterator<Item = Request>,
        answers: &mut Vec<Box<dyn Answer>>,
    ) -> Result<Written, StoreError> {
        self.control(BEGIN).await?;
        let mut written = Written { head: self.head, readied: false };
        for request in requests {
            match request {
                Request::Commit(Ask { question, reply }) => {
                    self.control("savepoint unit").await?;
                    let result = self.apply(question, &mut written).await;
                    self.leave(result, reply, answers).await?;
                }
                Request::Claim(Ask { question, reply }) => {
                    self.control("savepoint unit").await?;
                    let result = claim::claim(&mut self.connection, self.epoch, question).await;
                    self.leave(result, reply, answers).await?;
                }
                Request::Renew(Ask { question: Renewal { owner, until }, reply }) => {
                    self.control("savepoint unit").await?;
                    let result = claim::renew(&mut self.connection, &owner, until).await;
                    self.leave(result, reply, answers).await?;
                }
            }
        }
        Ok(written)
    }

    /// Applies one unit. What it did to the head counts only if all of it went well.
    async fn apply(&mut self, changes: Vec<Change>, written: &mut Written) -> Result<Position, CommitError> {
        let mut unit = Unit {
            connection: &mut self.connection,
            epoch: self.epoch,
            head: written.head,
            readied: written.readied,
        };
        for change in changes {
            change.apply(&mut unit).await?;
        }
        *written = Written { head: unit.head, readied: unit.readied };
        Ok(Position::new(written.head))
    }

    /// Ends the savepoint of a request and keeps its answer for later.
    ///
    /// The database may have rolled back the whole transaction because of the error (no space, no memory). The
    /// savepoint is gone then, so rolling back to it fails, and the group fails with it.
    async fn leave<T, E>(
        &mut self,
        result: Result<T, E>,
        reply: oneshot::Sender<Result<T, E>>,
        answers: &mut Vec<Box<dyn Answer>>,
    ) -> Result<(), StoreError>
    where
        T: Send + 'static,
        E: Refusal + From<StoreError> + Send + 'static,
    {
        let refused = result.as_ref().err().map(|error| error.store().cloned());
        answers.push(Box::new(Pending { reply, result }));
        match refused {
            None => self.control("release unit").await,
            Some(Some(error)) if error.is_fatal() => Err(error),
            Some(cause) => match self.control("rollback to unit").await {
                Ok(()) => self.control("release unit").await,
                Err(error) => Err(cause.unwrap_or(error)),
            },
        }
    }

    /// Makes the group durable.
    async fn commit(&mut self, written: &Written) -> Result<(), StoreError> {
        if written.head != self.head {
            sqlx::query("update counter set position = $1 where id = 1")
                .bind(written.head)
                .execute(&mut self.connection)
                .await?;
        }
        self.control("commit").await.map_err(|error| match error {
            // Running out of space is found before anything is synced.
            StoreError::Full(_) => error,
            other => other.into_failed(),
        })
    }

    /// Runs a statement that controls the transaction.
    async fn control(&mut self, statement: &'static str) -> Result<(), StoreError> {
        sqlx::query(statement).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Makes every later call fail.
    fn stop_writing(&self, error: &StoreError) {
        let failed = error.clone().into_failed();
        tracing::error!(error = &failed as &dyn std::error::Error, "the store stops");
        _ = self.signals.failure.set(failed);
    }
}
