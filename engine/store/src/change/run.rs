//! Runs: one row is a stream, moved on by compare-and-set on its sequence number.
//!
//! Invariants: `seq` counts the events of the run in the log and grows with them; a run that has ended never
//! changes and has no work left. Work on the item that waits for the run is the item's: it may be put by the very
//! change that ends the run, and stays.

use std::borrow::Cow;

use kiket_core::{ProjectId, RevisionId, RunId, Timestamp};

use super::{NewEvent, WorkChange, effect, growth, work};
use crate::text::Columns as _;
use crate::unit::{History, Unit};
use crate::{CommitError, Conflict, Held, Seq, StoreError, Stream};

/// A run starts or moves on: its events, and the state that is their fold.
#[derive(Debug, Clone)]
pub struct RunChange {
    /// The run.
    pub run: RunId,
    /// Whether it starts here, or else where it is expected to be.
    pub write: Write,
    /// The time.
    pub at: Timestamp,
    /// What happened, in order.
    pub events: Vec<NewEvent>,
    /// The status after the events.
    pub status: Cow<'static, str>,
    /// Whether the run has ended; if so, all its work ends too and `finished_at` is set. Where an item
    /// [waits](crate::Store::item_waiting_for) for the run, `work` puts [`Task::Item`](crate::Task::Item).
    pub terminal: bool,
    /// When its first stage started, if it did.
    pub started_at: Option<Timestamp>,
    /// When it ended, if it did.
    pub finished_at: Option<Timestamp>,
    /// The state after the events, JSON.
    pub state: String,
    /// The hold under which it happens, if any.
    pub held: Option<Held>,
    /// The work that ends and begins with it.
    pub work: Vec<WorkChange>,
}

/// How the row of a run is written.
#[derive(Debug, Clone)]
pub enum Write {
    /// A new run: [`Conflict::DuplicateTrigger`] or [`Conflict::Duplicate`] if it is not.
    Create(RunHead),
    /// The next events of a run: [`Conflict::Seq`] if it is not at `expected`.
    Advance {
        /// The sequence number the events were decided at.
        expected: Seq,
    },
}

/// What is settled about a run when it starts.
#[derive(Debug, Clone)]
pub struct RunHead {
    /// Its project.
    pub project: ProjectId,
    /// The pipeline's name.
    pub pipeline: String,
    /// The revision it keeps to its end.
    pub revision: RevisionId,
    /// The commit it runs on.
    pub commit: Option<String>,
    /// The Git reference it runs on.
    pub reference: Option<String>,
    /// What started it, JSON object.
    pub trigger: String,
    /// Names the cause: within a project, a cause starts one run.
    pub trigger_key: Option<String>,
}

impl RunChange {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let ended = work::prove(unit, self.held.as_ref(), &self.work).await?;
        let (project, before) = match &self.write {
            Write::Create(head) => (self.create(head, unit).await?, Seq::ZERO),
            Write::Advance { expected } => (self.advance(*expected, unit).await?, *expected),
        };
        unit.append(History { project, stream: Some(self.stream()), seq: Some(before) }, self.at, &self.events);
        work::apply_except(unit, &self.work, ended).await?;
        if self.terminal {
            work::clear(unit, self.run).await?;
            effect::clear(unit, self.run).await?;
        }
        Ok(())
    }

    fn stream(&self) -> Stream {
        Stream::Run(self.run)
    }

    /// Inserts the row; answers the project.
    async fn create(&self, head: &RunHead, unit: &mut Unit<'_>) -> Result<ProjectId, CommitError> {
        let inserted = sqlx::query(
            "insert into runs (id, project, pipeline, revision, commit_id, reference, trigger, trigger_key,
                               status, terminal, seq, state, created_at, started_at, finished_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) on conflict do nothing",
        )
        .bind(self.run.to_string())
        .bind(head.project.to_string())
        .bind(&head.pipeline)
        .bind(head.revision.to_string())
        .bind(&head.commit)
        .bind(&head.reference)
        .bind(&head.trigger)
        .bind(&head.trigger_key)
        .bind(&*self.status)
        .bind(i64::from(self.terminal))
        .bind(growth(&self.events))
        .bind(&self.state)
        .bind(self.at.millis())
        .bind(self.started_at.map(Timestamp::millis))
        .bind(self.finished_at.map(Timestamp::millis))
        .execute(&mut *unit.connection)
        .await?;
        match inserted.rows_affected() {
            0 => Err(self.duplicate(head, unit).await?.into()),
            _ => Ok(head.project),
        }
    }

    /// Updates the row if it is where it is expected to be; answers the project.
    async fn advance(&self, expected: Seq, unit: &mut Unit<'_>) -> Result<ProjectId, CommitError> {
        let updated = sqlx::query(
            "update runs set seq = seq + $1, status = $2, terminal = $3, state = $4, started_at = $5, finished_at = $6
             where id = $7 and seq = $8 and terminal = 0 returning project",
        )
        .bind(growth(&self.events))
        .bind(&*self.status)
        .bind(i64::from(self.terminal))
        .bind(&self.state)
        .bind(self.started_at.map(Timestamp::millis))
        .bind(self.finished_at.map(Timestamp::millis))
        .bind(self.run.to_string())
        .bind(expected.get())
        .fetch_optional(&mut *unit.connection)
        .await?;
        match updated {
            Some(row) => Ok(row.parsed("project")?),
            None => Err(self.mismatch(expected, unit).await?.into()),
        }
    }

    /// Finds out why the row was not inserted.
    async fn duplicate(&self, head: &RunHead, unit: &mut Unit<'_>) -> Result<Conflict, StoreError> {
        let first = sqlx::query("select id from runs where project = $1 and trigger_key = $2")
            .bind(head.project.to_string())
            .bind(&head.trigger_key)
            .fetch_optional(&mut *unit.connection)
            .await?;
        match first {
            Some(row) => Ok(Conflict::DuplicateTrigger { run: row.parsed("id")? }),
            None => Ok(Conflict::Duplicate { stream: self.stream() }),
        }
    }

    /// Finds out why the row was not updated.
    async fn mismatch(&self, expected: Seq, unit: &mut Unit<'_>) -> Result<Conflict, StoreError> {
        let found = sqlx::query("select seq from runs where id = $1")
            .bind(self.run.to_string())
            .fetch_optional(&mut *unit.connection)
            .await?;
        let Some(row) = found else { return Ok(Conflict::Unknown { stream: self.stream() }) };
        let actual = Seq::new(row.number("seq")?);
        if actual == expected {
            return Ok(Conflict::Ended { run: self.run });
        }
        Ok(Conflict::Seq { stream: self.stream(), expected, actual })
    }
}
