//! Deployments: releases of apps, and which one is live.
//!
//! Invariant: the live release of an app is one row. It changes only by an [`Activation`] that names what it found
//! there, and every change has a row of history and an event.

use kiket_core::{ProjectId, ReleaseId, RunId, Timestamp};

use super::{NewEvent, work};
use crate::sqlite::Row;
use crate::text::Columns as _;
use crate::unit::{History, Unit};
use crate::{CommitError, Conflict, Held};

/// A release to add. The same stage makes one of an artifact for an app only: [`Conflict::DuplicateRelease`].
#[derive(Debug, Clone)]
pub struct NewRelease {
    /// Its id.
    pub id: ReleaseId,
    /// Its project.
    pub project: ProjectId,
    /// The app.
    pub app: String,
    /// Digest of the artifact, `sha256:…`.
    pub artifact: String,
    /// The stage that makes it, if any.
    pub by: Option<Actor>,
    /// The time.
    pub at: Timestamp,
    /// What is told about it; belongs to the project alone.
    pub event: NewEvent,
}

/// Puts a release of an app live in the place of another: [`Conflict::Switched`] where another one is live.
#[derive(Debug, Clone)]
pub struct Activation {
    /// The project.
    pub project: ProjectId,
    /// The app.
    pub app: String,
    /// The release, which has to be one of the app.
    pub release: ReleaseId,
    /// The release that is live now, another one; `None` where none is.
    pub previous: Option<ReleaseId>,
    /// The stage that does it, if any.
    pub by: Option<Actor>,
    /// The time.
    pub at: Timestamp,
    /// What is told about it; belongs to the project alone.
    pub event: NewEvent,
}

/// The stage of a run that does something to an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The run.
    pub run: RunId,
    /// The stage.
    pub stage: String,
    /// The hold under which it acts: nothing is done for a stage that belongs to somebody else.
    pub held: Held,
}

impl NewRelease {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let (run, stage) = admit(unit, self.by.as_ref()).await?;
        let inserted = sqlx::query(
            "insert into releases (id, project, app, artifact, run, stage, created_at)
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (project, app, artifact, run, stage) do nothing",
        )
        .bind(self.id.to_string())
        .bind(self.project.to_string())
        .bind(&self.app)
        .bind(&self.artifact)
        .bind(&run)
        .bind(&stage)
        .bind(self.at.millis())
        .execute(unit.connection().await?)
        .await?;
        if inserted.rows_affected() == 0 {
            let found: Row = sqlx::query(
                "select id from releases
                 where project = $1 and app = $2 and artifact = $3 and run is not distinct from $4
                     and stage is not distinct from $5",
            )
            .bind(self.project.to_string())
            .bind(&self.app)
            .bind(&self.artifact)
            .bind(&run)
            .bind(&stage)
            .fetch_one(unit.connection().await?)
            .await?;
            return Err(Conflict::DuplicateRelease { id: found.parsed("id")? }.into());
        }
        unit.append(History { project: self.project, stream: None, seq: None }, self.at, [&self.event]);
        Ok(())
    }
}

impl Activation {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let (run, stage) = admit(unit, self.by.as_ref()).await?;
        self.switch(unit).await?;
        unit.append(History { project: self.project, stream: None, seq: None }, self.at, [&self.event]);
        sqlx::query(
            "insert into activations (position, project, app, release, previous, run, stage, at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(unit.head)
        .bind(self.project.to_string())
        .bind(&self.app)
        .bind(self.release.to_string())
        .bind(self.previous.map(|previous| previous.to_string()))
        .bind(run)
        .bind(stage)
        .bind(self.at.millis())
        .execute(unit.connection().await?)
        .await?;
        Ok(())
    }

    /// Changes the one row, if it is as it was found.
    async fn switch(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let switched = match self.previous {
            None => sqlx::query(
                "insert into live_releases (project, app, release, since) values ($1, $2, $3, $4)
                 on conflict (project, app) do nothing",
            ),
            Some(_) => sqlx::query(
                "update live_releases set release = $3, since = $4
                 where project = $1 and app = $2 and release = $5",
            ),
        };
        let switched = switched
            .bind(self.project.to_string())
            .bind(&self.app)
            .bind(self.release.to_string())
            .bind(self.at.millis());
        let switched = match self.previous {
            None => switched,
            Some(previous) => switched.bind(previous.to_string()),
        };
        match switched.execute(unit.connection().await?).await?.rows_affected() {
            0 => Err(Conflict::Switched { app: self.app.clone() }.into()),
            _ => Ok(()),
        }
    }
}

/// Checks that whoever acts may still do so; returns what is written of it.
async fn admit(unit: &mut Unit<'_>, by: Option<&Actor>) -> Result<(Option<String>, Option<String>), CommitError> {
    let Some(by) = by else { return Ok((None, None)) };
    work::check(unit, &by.held);
    Ok((Some(by.run.to_string()), Some(by.stage.clone())))
}
