//! Runs: one row is a stream, moved on by compare-and-set on its sequence number.
//!
//! Invariants: `seq` counts the events of the run in the log and grows with them; a run that has ended never
//! changes and has no work left. Work on the item that waits for the run is the item's: it may be put by the very
//! change that ends the run, and stays.

use std::borrow::Cow;

use kiket_core::planted::{Bug, planted};
use kiket_core::{ProjectId, RevisionId, RunId, Timestamp};

use super::{NewEvent, WorkChange, effect, growth, work};
use crate::script::{Expected, Otherwise, values};
use crate::sqlite::Connection;
use crate::text::Columns as _;
use crate::unit::{History, Unit};
use crate::{Conflict, Held, Seq, StoreError, Stream};

/// A run starts or moves on: its events, and the state that is their fold.
#[derive(Debug, Clone)]
pub struct RunChange {
    /// The run.
    pub run: RunId,
    /// Its project.
    pub project: ProjectId,
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
    /// SHA-256 of the request that starts it under that key, lower-case hex.
    pub request: Option<String>,
}

impl RunChange {
    pub(super) fn apply(&self, unit: &mut Unit<'_>) {
        let ended = work::prove(unit, self.held.as_ref(), &self.work);
        let before = match &self.write {
            Write::Create(head) => {
                self.create(head, unit);
                Seq::ZERO
            }
            Write::Advance { expected } => {
                self.advance(*expected, unit);
                *expected
            }
        };
        let stream = Some(Stream::Run(self.run));
        unit.append(History { project: self.project, stream, seq: Some(before) }, self.at, &self.events);
        work::apply_except(unit, &self.work, ended);
        if self.terminal {
            work::clear(unit, self.run);
            effect::clear(unit, self.run);
        }
    }

    /// Inserts the row.
    fn create(&self, head: &RunHead, unit: &mut Unit<'_>) {
        let (run, project, trigger_key) = (self.run, self.project, head.trigger_key.clone());
        unit.gather(Expected::Change(Otherwise::RunExists { run, project, trigger_key }), |sql| {
            sql.push(
                "insert into runs (id, project, pipeline, revision, commit_id, reference, trigger, trigger_key,
                                   request, status, terminal, seq, state, created_at, started_at, finished_at)",
            );
            sql.rows([values![
                self.run.to_string(),
                self.project.to_string(),
                &head.pipeline,
                head.revision.to_string(),
                head.commit.as_deref(),
                head.reference.as_deref(),
                &head.trigger,
                head.trigger_key.as_deref(),
                head.request.as_deref(),
                &*self.status,
                i64::from(self.terminal),
                growth(&self.events),
                &self.state,
                self.at.millis(),
                self.started_at.map(Timestamp::millis),
                self.finished_at.map(Timestamp::millis),
            ]]);
            sql.push(" on conflict do nothing");
        });
    }

    /// Updates the row if it is where it is expected to be.
    fn advance(&self, expected: Seq, unit: &mut Unit<'_>) {
        unit.gather(Expected::Change(Otherwise::RunMoved { run: self.run, expected }), |sql| {
            sql.push("update runs set seq = seq + ").bind(growth(&self.events));
            sql.push(", status = ").bind(&*self.status);
            sql.push(", terminal = ").bind(i64::from(self.terminal));
            if !planted(Bug::StateNotAdvanced) {
                sql.push(", state = ").bind(&self.state);
            }
            sql.push(", started_at = ").bind(self.started_at.map(Timestamp::millis));
            sql.push(", finished_at = ").bind(self.finished_at.map(Timestamp::millis));
            sql.push(" where id = ").bind(self.run.to_string());
            sql.push(" and project = ").bind(self.project.to_string());
            sql.push(" and seq = ").bind(expected.get()).push(" and terminal = 0");
        });
    }
}

/// Finds out why the row of a run was not inserted.
pub(super) async fn duplicate(
    run: RunId,
    project: ProjectId,
    trigger_key: Option<&str>,
    connection: &mut Connection,
) -> Result<Conflict, StoreError> {
    let first = sqlx::query("select id from runs where project = $1 and trigger_key = $2")
        .bind(project.to_string())
        .bind(trigger_key)
        .fetch_optional(connection)
        .await?;
    match first {
        Some(row) => Ok(Conflict::DuplicateTrigger { run: row.parsed("id")? }),
        None => Ok(Conflict::Duplicate { stream: Stream::Run(run) }),
    }
}

/// Finds out why the row of a run was not updated.
pub(super) async fn mismatch(run: RunId, expected: Seq, connection: &mut Connection) -> Result<Conflict, StoreError> {
    let found =
        sqlx::query("select seq from runs where id = $1").bind(run.to_string()).fetch_optional(connection).await?;
    let stream = Stream::Run(run);
    let Some(row) = found else { return Ok(Conflict::Unknown { stream }) };
    let actual = Seq::new(row.number("seq")?);
    if actual == expected {
        return Ok(Conflict::Ended { run });
    }
    Ok(Conflict::Seq { stream, expected, actual })
}
