//! What is set for a project beside its definitions: secrets, plain values, and how its webhooks are signed.
//!
//! Invariants: every change of a secret or a value appends one event to the project's history, in the same unit; the
//! event is the caller's and never holds what was set.

use kiket_core::{ProjectId, Timestamp};

use super::NewEvent;
use crate::text::Columns as _;
use crate::unit::{History, Unit};
use crate::{CommitError, Conflict, Sealed};

/// Most secrets of a project, and most plain values.
pub const SETTINGS: i64 = 200;
/// Most bytes that all plain values of a project have together, as JSON: every run keeps a copy of them.
pub const ENV_BYTES: i64 = 64 * 1024;

/// Sets a secret, or removes it. [`Conflict::UnknownSetting`] where there is none to remove,
/// [`Conflict::TooManySettings`] where the project has [`SETTINGS`] others.
#[derive(Debug, Clone)]
pub struct SecretChange {
    /// The project.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// The encrypted value; `None` removes the secret.
    pub sealed: Option<Sealed>,
    /// The time.
    pub at: Timestamp,
    /// What the project's history says of it.
    pub event: NewEvent,
}

/// Sets a plain value, or removes it. Conflicts as [`SecretChange`] does, and with [`Conflict::TooLarge`] where the
/// project's values would have more than [`ENV_BYTES`].
#[derive(Debug, Clone)]
pub struct EnvChange {
    /// The project.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// The text of a JSON string; `None` removes the value.
    pub value: Option<String>,
    /// The time.
    pub at: Timestamp,
    /// What the project's history says of it.
    pub event: NewEvent,
}

/// Puts an encrypted webhook secret in the place of the one that was in clear. Says nothing in the history.
#[derive(Debug, Clone)]
pub struct SealHook {
    /// The project.
    pub project: ProjectId,
    /// The encrypted secret.
    pub sealed: Sealed,
}

impl SecretChange {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let project = self.project.to_string();
        let Some(sealed) = &self.sealed else {
            let gone = sqlx::query("delete from secrets where project = $1 and name = $2")
                .bind(&project)
                .bind(&self.name)
                .execute(unit.connection().await?)
                .await?;
            if gone.rows_affected() == 0 {
                return Err(Conflict::UnknownSetting { what: "secret", name: self.name.clone() }.into());
            }
            append(unit, self.project, self.at, &self.event);
            return Ok(());
        };
        sqlx::query(
            "insert into secrets (project, name, key_id, sealed, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $5)
             on conflict (project, name) do update
             set key_id = excluded.key_id, sealed = excluded.sealed, updated_at = excluded.updated_at",
        )
        .bind(&project)
        .bind(&self.name)
        .bind(&sealed.key)
        .bind(&sealed.bytes)
        .bind(self.at.millis())
        .execute(unit.connection().await?)
        .await?;
        let row = sqlx::query("select count(*) as count from secrets where project = $1")
            .bind(&project)
            .fetch_one(unit.connection().await?)
            .await?;
        within(row.number("count")?)?;
        append(unit, self.project, self.at, &self.event);
        Ok(())
    }
}

impl EnvChange {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let project = self.project.to_string();
        let Some(value) = &self.value else {
            let gone = sqlx::query("delete from env_values where project = $1 and name = $2")
                .bind(&project)
                .bind(&self.name)
                .execute(unit.connection().await?)
                .await?;
            if gone.rows_affected() == 0 {
                return Err(Conflict::UnknownSetting { what: "value", name: self.name.clone() }.into());
            }
            append(unit, self.project, self.at, &self.event);
            return Ok(());
        };
        sqlx::query(
            "insert into env_values (project, name, value, updated_at) values ($1, $2, $3, $4)
             on conflict (project, name) do update set value = excluded.value, updated_at = excluded.updated_at",
        )
        .bind(&project)
        .bind(&self.name)
        .bind(value)
        .bind(self.at.millis())
        .execute(unit.connection().await?)
        .await?;
        let row = sqlx::query(
            "select count(*) as count, sum(octet_length(value)) as bytes from env_values where project = $1",
        )
        .bind(&project)
        .fetch_one(unit.connection().await?)
        .await?;
        within(row.number("count")?)?;
        if row.number("bytes")? > ENV_BYTES {
            return Err(Conflict::TooLarge { limit: ENV_BYTES }.into());
        }
        append(unit, self.project, self.at, &self.event);
        Ok(())
    }
}

impl SealHook {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        sqlx::query("update projects set hook_secret = '', hook_key_id = $1, hook_sealed = $2 where id = $3")
            .bind(&self.sealed.key)
            .bind(&self.sealed.bytes)
            .bind(self.project.to_string())
            .execute(unit.connection().await?)
            .await?;
        Ok(())
    }
}

fn within(count: i64) -> Result<(), Conflict> {
    if count > SETTINGS { Err(Conflict::TooManySettings { limit: SETTINGS }) } else { Ok(()) }
}

fn append(unit: &mut Unit<'_>, project: ProjectId, at: Timestamp, event: &NewEvent) {
    unit.append(History { project, stream: None, seq: None }, at, [event]);
}
