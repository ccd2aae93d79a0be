//! Artifacts: that a project has what a digest names. The bytes are the caller's, and are on the disk before.
//!
//! Invariant: a digest counts once against a project's quota, whatever it is called and however often it is kept.

use kiket_core::{ProjectId, RunId, Timestamp};
use sqlx::Row as _;

use super::work;
use crate::read::ArtifactKind;
use crate::unit::Unit;
use crate::{CommitError, Conflict, Held};

/// An artifact to keep.
///
/// Growing past the quota is [`Conflict::OverQuota`]; what the project has already is never that.
#[derive(Debug, Clone)]
pub struct KeepArtifact {
    /// The text of a ULID that is newer than those of all artifacts before.
    pub id: String,
    /// The project.
    pub project: ProjectId,
    /// `sha256:` and 64 hex digits.
    pub digest: String,
    /// What it is called: 1 to 256 bytes.
    pub name: String,
    /// What it is.
    pub kind: ArtifactKind,
    /// How many bytes it has.
    pub size: u64,
    /// The run that leaves it.
    pub run: RunId,
    /// The stage that does.
    pub stage: String,
    /// Most bytes of all artifacts of the project.
    pub quota: u64,
    /// Whether it takes the place of all others of this name.
    pub replaces: bool,
    /// The time.
    pub at: Timestamp,
    /// The hold under which it happens, if any.
    pub held: Option<Held>,
}

impl KeepArtifact {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        if let Some(held) = &self.held {
            work::check(unit, held);
        }
        let known = self.is_known(unit).await?;
        if self.replaces {
            sqlx::query("delete from artifacts where project = $1 and name = $2 and digest <> $3")
                .bind(self.project.to_string())
                .bind(&self.name)
                .bind(&self.digest)
                .execute(unit.connection().await?)
                .await?;
        }
        self.insert(unit).await?;
        if known { Ok(()) } else { self.check_quota(unit).await }
    }

    /// Whether the project has it already, whatever it is called.
    async fn is_known(&self, unit: &mut Unit<'_>) -> Result<bool, CommitError> {
        let row = sqlx::query("select 1 from artifacts where digest = $2 and project = $1 limit 1")
            .bind(self.project.to_string())
            .bind(&self.digest)
            .fetch_optional(unit.connection().await?)
            .await?;
        Ok(row.is_some())
    }

    async fn insert(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        sqlx::query(
            "insert into artifacts (id, project, digest, name, kind, size, run, stage, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             on conflict (run, stage, name, digest) do update set id = excluded.id, created_at = excluded.created_at",
        )
        .bind(&self.id)
        .bind(self.project.to_string())
        .bind(&self.digest)
        .bind(&self.name)
        .bind(self.kind.as_str())
        .bind(i64::try_from(self.size).unwrap_or(i64::MAX))
        .bind(self.run.to_string())
        .bind(&self.stage)
        .bind(self.at.millis())
        .execute(unit.connection().await?)
        .await?;
        Ok(())
    }

    async fn check_quota(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let row = sqlx::query(
            "select coalesce(sum(size), 0) as used from (select max(size) as size from artifacts where project = $1
             group by digest) as kept",
        )
        .bind(self.project.to_string())
        .fetch_one(unit.connection().await?)
        .await?;
        let used: i64 = row.try_get("used")?;
        if u64::try_from(used).is_ok_and(|used| used > self.quota) {
            return Err(Conflict::OverQuota { needed: used.unsigned_abs(), quota: self.quota }.into());
        }
        Ok(())
    }
}

/// An artifact to forget: every name that the project has for it. One that is not there is forgotten.
#[derive(Debug, Clone)]
pub struct ForgetArtifact {
    /// The project.
    pub project: ProjectId,
    /// `sha256:` and 64 hex digits.
    pub digest: String,
}

impl ForgetArtifact {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        sqlx::query("delete from artifacts where project = $1 and digest = $2")
            .bind(self.project.to_string())
            .bind(&self.digest)
            .execute(unit.connection().await?)
            .await?;
        Ok(())
    }
}
