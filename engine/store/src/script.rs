//! Statements that are gathered and given to the database together.
//!
//! SQLite runs on a thread of its own: a statement by itself costs two changes of thread, and so does a script of ten.
//! What a change only writes is gathered here; what it has to read goes to the connection, after what was gathered.
//!
//! A script is one SQL text of several statements, which sqlx allows for SQLite alone. Another database would be given
//! the same statements one by one.
//!
//! Invariant: a script ends at the first statement that fails; one that merely changes nothing does not end it, but is
//! found all the same, and the first of these is what the script is refused for.

use futures::TryStreamExt as _;
use kiket_core::{ProjectId, RunId};
use sqlx::{Either, Executor as _, QueryBuilder};

use crate::sqlite::{Connection, Database};
use crate::{Seq, StoreError, WorkKey};

/// Gathered statements, in order.
pub(crate) struct Script {
    sql: QueryBuilder<Database>,
    /// What is expected of each statement.
    expected: Vec<Expected>,
}

/// What a statement has to come to.
pub(crate) enum Expected {
    /// Whatever it does is fine.
    Anything,
    /// It changes a row, or else the unit is refused.
    Change(Otherwise),
    /// It finds a row, or else the unit is refused.
    Row(Otherwise),
    /// It commits: where it fails, nobody knows whether it did.
    Commit,
}

/// Why a statement came to nothing, as far as that is known without asking the database.
#[derive(Clone)]
pub(crate) enum Otherwise {
    /// The work is not held any more.
    FenceLost(WorkKey),
    /// There is such a run, or one with this trigger key.
    RunExists { run: RunId, project: ProjectId, trigger_key: Option<String> },
    /// The run is not where it was expected to be.
    RunMoved { run: RunId, expected: Seq },
    /// The effect is noted already.
    EffectExists { run: RunId },
}

/// Why a script did not come to its end as expected.
pub(crate) enum Stopped {
    /// A statement came to nothing.
    Otherwise(Otherwise),
    /// A statement failed.
    Failed(StoreError),
}

impl Default for Script {
    fn default() -> Self {
        Self { sql: QueryBuilder::new(""), expected: Vec::new() }
    }
}

impl Script {
    /// Adds a statement. Its values are bound with `?`, in order: numbers would count over the whole script.
    pub(crate) fn add(&mut self, expected: Expected, write: impl FnOnce(&mut QueryBuilder<Database>)) {
        write(&mut self.sql);
        self.sql.push(";");
        self.expected.push(expected);
    }

    /// Runs what was gathered, and is empty afterwards.
    pub(crate) async fn run(&mut self, connection: &mut Connection) -> Result<(), Stopped> {
        if self.expected.is_empty() {
            return Ok(());
        }
        let Self { mut sql, expected } = std::mem::take(self);
        let (mut done, mut rows, mut otherwise) = (0, 0_usize, None);
        let mut steps = connection.fetch_many(sql.build());
        loop {
            match steps.try_next().await {
                Ok(Some(Either::Right(_))) => rows += 1,
                Ok(Some(Either::Left(changed))) => {
                    let unmet = match expected.get(done) {
                        Some(Expected::Change(why)) if changed.rows_affected() == 0 => Some(why.clone()),
                        Some(Expected::Row(why)) if rows == 0 => Some(why.clone()),
                        _ => None,
                    };
                    otherwise = otherwise.or(unmet);
                    (done, rows) = (done + 1, 0);
                }
                Ok(None) => break,
                // What came to nothing before is why this failed: a row that is missing is referred to, for instance.
                Err(_) if otherwise.is_some() => break,
                Err(error) => {
                    let commits = matches!(expected.get(done), Some(Expected::Commit));
                    return Err(Stopped::Failed(match error.into() {
                        // Running out of space is found before anything is synced.
                        error if !commits || matches!(error, StoreError::Full(_)) => error,
                        error => error.into_failed(),
                    }));
                }
            }
        }
        otherwise.map_or(Ok(()), |why| Err(Stopped::Otherwise(why)))
    }
}
