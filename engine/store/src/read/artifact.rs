//! Artifacts that projects have. A digest is known within a project only: what another one has is not there.

use std::collections::BTreeSet;

use kiket_core::{ProjectId, RunId, Timestamp};

use crate::sqlite::Row;
use crate::text::{Columns as _, words};
use crate::{Store, StoreError};

words! {
    /// What an artifact is.
    ArtifactKind {
        /// One file.
        File = "file",
        /// A folder, kept as a tar archive.
        Folder = "folder",
    }
}

/// An artifact of a project, under one of its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactRow {
    /// The project.
    pub project: ProjectId,
    /// `sha256:` and 64 hex digits.
    pub digest: String,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: ArtifactKind,
    /// How many bytes it has.
    pub size: u64,
    /// The run that left it.
    pub run: RunId,
    /// The stage that did.
    pub stage: String,
    /// When it was kept.
    pub created_at: Timestamp,
}

impl Store {
    /// Reads the artifact of a project with this digest, under the newest of its names.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn artifact(&self, project: ProjectId, digest: &str) -> Result<Option<ArtifactRow>, StoreError> {
        let row = sqlx::query("select * from artifacts where digest = $2 and project = $1 order by id desc limit 1")
            .bind(project.to_string())
            .bind(digest)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(ArtifactRow::read).transpose()
    }

    /// Reads the newest artifact that a project has under a name.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn newest_artifact(&self, project: ProjectId, name: &str) -> Result<Option<ArtifactRow>, StoreError> {
        let row = sqlx::query("select * from artifacts where project = $1 and name = $2 order by id desc limit 1")
            .bind(project.to_string())
            .bind(name)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(ArtifactRow::read).transpose()
    }

    /// Lists what a run has left, in the order in which it was kept.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn artifacts_of_run(&self, run: RunId) -> Result<Vec<ArtifactRow>, StoreError> {
        let rows = sqlx::query("select * from artifacts where run = $1 order by id")
            .bind(run.to_string())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(ArtifactRow::read).collect()
    }

    /// Tells whether any project has a digest.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn is_kept(&self, digest: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("select 1 from artifacts where digest = $1 limit 1")
            .bind(digest)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        Ok(row.is_some())
    }

    /// Lists every digest that some project has.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn artifact_digests(&self) -> Result<BTreeSet<String>, StoreError> {
        let rows = sqlx::query("select distinct digest from artifacts").fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(|row| row.text("digest")).collect()
    }
}

impl ArtifactRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            project: row.parsed("project")?,
            digest: row.text("digest")?,
            name: row.text("name")?,
            kind: row.parsed("kind")?,
            size: row.number("size")?.unsigned_abs(),
            run: row.parsed("run")?,
            stage: row.text("stage")?,
            created_at: row.time("created_at")?,
        })
    }
}
