//! Schedules: which are in force, and what became of their times.
//!
//! Invariant: every schedule in force has a row of work, which is due no earlier than its next time; no other has one.

use std::collections::BTreeMap;

use kiket_core::{ProjectId, RevisionId, RunId, Timestamp};

use super::work;
use crate::text::Columns as _;
use crate::unit::Unit;
use crate::{CommitError, Conflict, Held, StoreError, Task, WorkChange};

/// A time that has come goes before what it starts.
pub const TICK_PRIORITY: i64 = 0;

/// The schedules of a project's pipelines that are in force from now on. One that was in force before goes on where it
/// is: its next time stays, also one that has passed.
#[derive(Debug, Clone)]
pub struct SetSchedules {
    /// The project.
    pub project: ProjectId,
    /// All of them, each once.
    pub schedules: Vec<NewSchedule>,
}

/// A schedule of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchedule {
    /// The pipeline.
    pub pipeline: String,
    /// Five fields of cron and the time zone.
    pub schedule: String,
    /// Its first nominal time, where it is new.
    pub next: Timestamp,
}

impl SetSchedules {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let project = self.project;
        let rows = sqlx::query("select pipeline, schedule from schedules where project = $1")
            .bind(project.to_string())
            .fetch_all(unit.connection().await?)
            .await?;
        let named = rows.iter().map(|row| Ok((row.text("pipeline")?, row.text("schedule")?)));
        let mut gone = named.collect::<Result<Vec<_>, StoreError>>()?;
        let mut new: BTreeMap<_, _> =
            self.schedules.iter().map(|new| ((new.pipeline.clone(), new.schedule.clone()), new.next)).collect();
        // What is left of the one has ended, what is left of the other has begun.
        gone.retain(|named| new.remove(named).is_none());

        let task = |(pipeline, schedule)| Task::Tick { project, pipeline, schedule };
        let mut changes = Vec::new();
        for (pipeline, schedule) in gone {
            sqlx::query("delete from schedules where project = $1 and pipeline = $2 and schedule = $3")
                .bind(project.to_string())
                .bind(&pipeline)
                .bind(&schedule)
                .execute(unit.connection().await?)
                .await?;
            changes.push(WorkChange::Done(task((pipeline, schedule)).key()));
        }
        for ((pipeline, schedule), next) in new {
            sqlx::query("insert into schedules (project, pipeline, schedule, next) values ($1, $2, $3, $4)")
                .bind(project.to_string())
                .bind(&pipeline)
                .bind(&schedule)
                .bind(next.millis())
                .execute(unit.connection().await?)
                .await?;
            let task = task((pipeline, schedule));
            changes.push(WorkChange::Put { task, priority: TICK_PRIORITY, due: next, lease: None });
        }
        work::apply(unit, &changes);
        Ok(())
    }
}

/// What becomes of a time of a schedule: it is settled, and the row of work is set to the next one. Goes with the start
/// of the run, if one starts.
///
/// [`Conflict::UnknownSetting`] where the schedule is not in force any more, or not that of this revision.
#[derive(Debug, Clone)]
pub struct NoteTick {
    /// The project.
    pub project: ProjectId,
    /// The pipeline.
    pub pipeline: String,
    /// The schedule.
    pub schedule: String,
    /// The revision that the schedule was read from; it has to be the active one.
    pub revision: RevisionId,
    /// The nominal time up to which everything is settled.
    pub settled: Timestamp,
    /// The run that it started, if any.
    pub run: Option<RunId>,
    /// The nominal time after it.
    pub next: Timestamp,
    /// The hold on the schedule's row of work.
    pub held: Held,
}

impl NoteTick {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let Self { project, pipeline, schedule, next, .. } = self;
        work::check(unit, &self.held);
        let noted = sqlx::query(
            "update schedules set settled = $1, run = $2, next = $3
             where project = $4 and pipeline = $5 and schedule = $6
                 and exists (select 1 from projects where id = $4 and active_revision = $7)",
        )
        .bind(self.settled.millis())
        .bind(self.run.map(|run| run.to_string()))
        .bind(next.millis())
        .bind(project.to_string())
        .bind(pipeline)
        .bind(schedule)
        .bind(self.revision.to_string())
        .execute(unit.connection().await?)
        .await?;
        if noted.rows_affected() == 0 {
            return Err(Conflict::UnknownSetting { what: "schedule", name: schedule.clone() }.into());
        }
        let task = Task::Tick { project: *project, pipeline: pipeline.clone(), schedule: schedule.clone() };
        work::apply(unit, &[WorkChange::Put { task, priority: TICK_PRIORITY, due: *next, lease: None }]);
        Ok(())
    }
}
