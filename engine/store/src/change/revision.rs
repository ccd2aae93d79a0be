//! Revisions: published whole or not at all, and the pointer to the active one.
//!
//! Invariant: a project has at most one active revision, and `projects.active_revision` names it.

use kiket_core::{ProjectId, RevisionId, Source, Timestamp};
use sha2::{Digest as _, Sha256};
use sqlx::QueryBuilder;

use super::NewEvent;
use crate::read::RevisionStatus;
use crate::sqlite::Database;
use crate::unit::{History, ROWS_PER_INSERT, Unit};
use crate::{CommitError, Conflict};

/// A revision to add. If it is active, the one before is superseded in the same unit.
#[derive(Debug, Clone)]
pub struct NewRevision {
    /// Its id.
    pub id: RevisionId,
    /// Its project.
    pub project: ProjectId,
    /// The Git reference it was read from.
    pub reference: Option<String>,
    /// The commit it was read from.
    pub commit: String,
    /// What it is from now on.
    pub status: RevisionStatus,
    /// What the keys of the project's items begin with from now on, in capitals, where the revision is active. No other
    /// project may have it, nor be named so: [`Conflict::DuplicateKey`].
    pub key: Option<String>,
    /// Its files and where they come from, each path once on a level.
    pub sources: Vec<Source>,
    /// What was found in them, JSON array.
    pub diagnostics: String,
    /// The plugins it is bound to, JSON.
    pub plugins: String,
    /// The time.
    pub at: Timestamp,
    /// What is told about it; belongs to the project alone.
    pub event: NewEvent,
}

impl NewRevision {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let active = self.status == RevisionStatus::Active;
        if active {
            sqlx::query("update revisions set status = 'superseded' where project = $1 and status = 'active'")
                .bind(self.project.to_string())
                .execute(unit.connection().await?)
                .await?;
        }
        self.insert(unit).await?;
        self.insert_sources(unit).await?;
        if active {
            sqlx::query("update projects set active_revision = $1 where id = $2")
                .bind(self.id.to_string())
                .bind(self.project.to_string())
                .execute(unit.connection().await?)
                .await?;
            self.take_key(unit).await?;
        }
        unit.append(History { project: self.project, stream: None, seq: None }, self.at, [&self.event]);
        Ok(())
    }

    async fn take_key(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let Some(key) = &self.key else { return Ok(()) };
        let other = sqlx::query_scalar("select name from projects where id <> $1 and (key = $2 or upper(name) = $2)")
            .bind(self.project.to_string())
            .bind(key)
            .fetch_optional(unit.connection().await?)
            .await?;
        if let Some(project) = other {
            return Err(Conflict::DuplicateKey { key: key.clone(), project }.into());
        }
        sqlx::query("update projects set key = $1 where id = $2")
            .bind(key)
            .bind(self.project.to_string())
            .execute(unit.connection().await?)
            .await?;
        Ok(())
    }

    async fn insert(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let submitted = self.status == RevisionStatus::Submitted;
        let status = if submitted { RevisionStatus::Branch } else { self.status };
        sqlx::query(
            "insert into revisions (id, project, reference, commit_id, status, submitted, diagnostics, plugins, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(self.id.to_string())
        .bind(self.project.to_string())
        .bind(&self.reference)
        .bind(&self.commit)
        .bind(status.as_str())
        .bind(i64::from(submitted))
        .bind(&self.diagnostics)
        .bind(&self.plugins)
        .bind(self.at.millis())
        .execute(unit.connection().await?)
        .await?;
        Ok(())
    }

    /// Stores each text under its digest unless it is there already, and lists the files with their origins.
    async fn insert_sources(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        for sources in self.sources.chunks(ROWS_PER_INSERT) {
            let digests: Vec<String> = sources.iter().map(|source| hex::encode(Sha256::digest(&source.text))).collect();

            let mut blobs = QueryBuilder::<Database>::new("insert into blobs (digest, text) ");
            blobs.push_values(sources.iter().zip(&digests), |mut row, (source, digest)| {
                row.push_bind(digest).push_bind(&source.text);
            });
            blobs.push(" on conflict (digest) do nothing");
            blobs.build().execute(unit.connection().await?).await?;

            let mut files = QueryBuilder::<Database>::new(
                "insert into definitions (revision, level, path, digest, repository, branch, commit_id) ",
            );
            files.push_values(sources.iter().zip(&digests), |mut row, (source, digest)| {
                row.push_bind(self.id.to_string())
                    .push_bind(source.origin.level.word())
                    .push_bind(&source.path)
                    .push_bind(digest)
                    .push_bind(&source.origin.repository)
                    .push_bind(&source.origin.branch)
                    .push_bind(&source.origin.commit);
            });
            files.build().execute(unit.connection().await?).await?;
        }
        Ok(())
    }
}
