//! Runs as they stand.

use kiket_core::{ProjectId, RevisionId, RunId, Timestamp};
use sqlx::QueryBuilder;

use crate::sqlite::{Database, Row};
use crate::text::Columns as _;
use crate::{Seq, Store, StoreError};

/// A run: what is settled about it, and its state at `seq`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
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
    /// Names the cause.
    pub trigger_key: Option<String>,
    /// SHA-256 of the request that started it under that key.
    pub request: Option<String>,
    /// Its status.
    pub status: String,
    /// Whether it has ended.
    pub terminal: bool,
    /// The number of its events.
    pub seq: Seq,
    /// The fold of its events, JSON.
    pub state: String,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When its first stage started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Which runs to list; what is left out does not narrow.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of this project.
    pub project: Option<ProjectId>,
    /// In this status.
    pub status: Option<String>,
    /// Of the pipeline with this name.
    pub pipeline: Option<String>,
    /// On this Git reference.
    pub reference: Option<String>,
    /// Queued at this time or later.
    pub since: Option<Timestamp>,
    /// Queued before this time.
    pub until: Option<Timestamp>,
    /// Older than this run: the last one of the page before.
    pub before: Option<RunId>,
}

impl Store {
    /// Reads a run.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn run(&self, id: RunId) -> Result<Option<RunRow>, StoreError> {
        let row = sqlx::query("select * from runs where id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(RunRow::read).transpose()
    }

    /// Finds the run that a cause has started: within a project, a cause starts one.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn run_of_cause(&self, project: ProjectId, trigger_key: &str) -> Result<Option<RunId>, StoreError> {
        let row = sqlx::query("select id from runs where project = $1 and trigger_key = $2")
            .bind(project.to_string())
            .bind(trigger_key)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.map(|row| row.parsed("id")).transpose()
    }

    /// Lists runs, newest first (ids grow with time).
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn runs(&self, filter: &RunFilter, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let mut query = QueryBuilder::<Database>::new("select * from runs where 1 = 1");
        if let Some(project) = filter.project {
            query.push(" and project = ").push_bind(project.to_string());
        }
        if let Some(status) = &filter.status {
            query.push(" and status = ").push_bind(status);
        }
        if let Some(pipeline) = &filter.pipeline {
            query.push(" and pipeline = ").push_bind(pipeline);
        }
        if let Some(reference) = &filter.reference {
            query.push(" and reference = ").push_bind(reference);
        }
        if let Some(since) = filter.since {
            query.push(" and created_at >= ").push_bind(since.millis());
        }
        if let Some(until) = filter.until {
            query.push(" and created_at < ").push_bind(until.millis());
        }
        if let Some(before) = filter.before {
            query.push(" and id < ").push_bind(before.to_string());
        }
        query.push(" order by id desc limit ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(RunRow::read).collect()
    }
}

impl RunRow {
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id")?,
            project: row.parsed("project")?,
            pipeline: row.text("pipeline")?,
            revision: row.parsed("revision")?,
            commit: row.optional_text("commit_id")?,
            reference: row.optional_text("reference")?,
            trigger: row.text("trigger")?,
            trigger_key: row.optional_text("trigger_key")?,
            request: row.optional_text("request")?,
            status: row.text("status")?,
            terminal: row.number("terminal")? != 0,
            seq: Seq::new(row.number("seq")?),
            state: row.text("state")?,
            created_at: row.time("created_at")?,
            started_at: row.optional_time("started_at")?,
            finished_at: row.optional_time("finished_at")?,
        })
    }
}
