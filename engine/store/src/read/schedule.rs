//! Schedules that are in force.

use kiket_core::{ProjectId, RunId, Timestamp};

use crate::sqlite::Row;
use crate::text::Columns as _;
use crate::{Store, StoreError};

/// A schedule of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRow {
    /// The pipeline.
    pub pipeline: String,
    /// Five fields of cron and the time zone.
    pub schedule: String,
    /// Its next nominal time; it may have come, or been missed.
    pub next: Timestamp,
    /// The last nominal time that something was done about.
    pub settled: Option<Timestamp>,
    /// The run that it started, which may be gone; `None` where it started none.
    pub run: Option<RunId>,
}

impl Store {
    /// Reads the schedules of a project, by pipeline.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn schedules(&self, project: ProjectId) -> Result<Vec<ScheduleRow>, StoreError> {
        let rows = sqlx::query("select * from schedules where project = $1 order by pipeline, schedule")
            .bind(project.to_string())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(ScheduleRow::read).collect()
    }

    /// Reads one schedule; `None` where it is not in force.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn schedule(
        &self,
        project: ProjectId,
        pipeline: &str,
        schedule: &str,
    ) -> Result<Option<ScheduleRow>, StoreError> {
        let row = sqlx::query("select * from schedules where project = $1 and pipeline = $2 and schedule = $3")
            .bind(project.to_string())
            .bind(pipeline)
            .bind(schedule)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(ScheduleRow::read).transpose()
    }
}

impl ScheduleRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            pipeline: row.text("pipeline")?,
            schedule: row.text("schedule")?,
            next: row.time("next")?,
            settled: row.optional_time("settled")?,
            run: row.optional_parsed("run")?,
        })
    }
}
