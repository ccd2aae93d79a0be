//! Deployments: releases, the live ones, and how they became it.

use std::collections::BTreeSet;

use kiket_core::{ProjectId, ReleaseId, RunId, Timestamp};

use crate::sqlite::Row;
use crate::text::Columns as _;
use crate::{Position, Store, StoreError};

/// A release of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its id.
    pub id: ReleaseId,
    /// Its project.
    pub project: ProjectId,
    /// The project's name.
    pub project_name: String,
    /// The app.
    pub app: String,
    /// Digest of the artifact, `sha256:…`.
    pub artifact: String,
    /// The run that made it.
    pub run: Option<RunId>,
    /// The stage of the run.
    pub stage: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The release of an app that is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRelease {
    /// The release.
    pub release: Release,
    /// Since when it is live.
    pub since: Timestamp,
}

/// One switch: a release was put live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Position of its event in the log.
    pub position: Position,
    /// The app.
    pub app: String,
    /// The release that was put live.
    pub release: ReleaseId,
    /// The one that was live until then.
    pub previous: Option<ReleaseId>,
    /// The run that did it.
    pub run: Option<RunId>,
    /// The stage of the run.
    pub stage: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Reads the digests of the artifacts of all releases.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn released_artifacts(&self) -> Result<BTreeSet<String>, StoreError> {
        let rows = sqlx::query("select distinct artifact from releases").fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(|row| row.text("artifact")).collect()
    }

    /// Reads a release.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn release(&self, id: ReleaseId) -> Result<Option<Release>, StoreError> {
        let row = sqlx::query(
            "select releases.*, projects.name from releases join projects on projects.id = releases.project
             where releases.id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        row.as_ref().map(Release::read).transpose()
    }

    /// Reads the live release of an app.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn live_release(&self, project: ProjectId, app: &str) -> Result<Option<LiveRelease>, StoreError> {
        let row = sqlx::query(
            "select releases.*, projects.name, since from live_releases
             join releases on releases.id = live_releases.release
             join projects on projects.id = releases.project
             where live_releases.project = $1 and live_releases.app = $2",
        )
        .bind(project.to_string())
        .bind(app)
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        row.as_ref().map(LiveRelease::read).transpose()
    }

    /// Reads the live releases of all apps, or of those of one project, by project and app.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn live_releases(&self, project: Option<ProjectId>) -> Result<Vec<LiveRelease>, StoreError> {
        let rows = sqlx::query(
            "select releases.*, projects.name, since from live_releases
             join releases on releases.id = live_releases.release
             join projects on projects.id = releases.project
             where $1 is null or live_releases.project = $1
             order by live_releases.project, live_releases.app",
        )
        .bind(project.map(|project| project.to_string()))
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(LiveRelease::read).collect()
    }

    /// Reads the release that was live before the one that is: what to go back to.
    ///
    /// That is what was live when the live one became it for the first time, so going back twice goes back further,
    /// and never to a release that was itself gone back from.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn previous_release(&self, project: ProjectId, app: &str) -> Result<Option<Release>, StoreError> {
        let row = sqlx::query(
            "select releases.*, projects.name from live_releases
             join activations on activations.position =
                 (select min(position) from activations as first where first.release = live_releases.release)
             join releases on releases.id = activations.previous
             join projects on projects.id = releases.project
             where live_releases.project = $1 and live_releases.app = $2",
        )
        .bind(project.to_string())
        .bind(app)
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        row.as_ref().map(Release::read).transpose()
    }

    /// Reads the latest switches of an app, newest first.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn switches(&self, project: ProjectId, app: &str, limit: u32) -> Result<Vec<Switch>, StoreError> {
        let rows =
            sqlx::query("select * from activations where project = $1 and app = $2 order by position desc limit $3")
                .bind(project.to_string())
                .bind(app)
                .bind(i64::from(limit))
                .fetch_all(&mut *self.reader().await?)
                .await?;
        rows.iter().map(Switch::read).collect()
    }
}

impl Release {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id")?,
            project: row.parsed("project")?,
            project_name: row.text("name")?,
            app: row.text("app")?,
            artifact: row.text("artifact")?,
            run: row.optional_parsed("run")?,
            stage: row.optional_text("stage")?,
            created_at: row.time("created_at")?,
        })
    }
}

impl LiveRelease {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { release: Release::read(row)?, since: row.time("since")? })
    }
}

impl Switch {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            position: Position::new(row.number("position")?),
            app: row.text("app")?,
            release: row.parsed("release")?,
            previous: row.optional_parsed("previous")?,
            run: row.optional_parsed("run")?,
            stage: row.optional_text("stage")?,
            at: row.time("at")?,
        })
    }
}
