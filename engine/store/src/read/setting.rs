//! What is set for a project beside its definitions: secrets as they are stored, and plain values.

use kiket_core::{ProjectId, Timestamp};
use sqlx::Row as _;

use crate::sqlite::Row;
use crate::text::Columns as _;
use crate::{Sealed, Store, StoreError};

/// A secret of a project, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// Its name.
    pub name: String,
    /// The encrypted value.
    pub sealed: Sealed,
    /// When it was set first.
    pub created_at: Timestamp,
    /// When it was set last.
    pub updated_at: Timestamp,
}

/// A plain value of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvValue {
    /// Its name.
    pub name: String,
    /// The text of a JSON string.
    pub value: String,
    /// When it was set last.
    pub updated_at: Timestamp,
}

impl Store {
    /// Reads the secrets of a project, by name.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn secrets(&self, project: ProjectId) -> Result<Vec<SecretRow>, StoreError> {
        let rows = sqlx::query("select * from secrets where project = $1 order by name")
            .bind(project.to_string())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(SecretRow::read).collect()
    }

    /// Reads one secret.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn secret(&self, project: ProjectId, name: &str) -> Result<Option<SecretRow>, StoreError> {
        let row = sqlx::query("select * from secrets where project = $1 and name = $2")
            .bind(project.to_string())
            .bind(name)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(SecretRow::read).transpose()
    }

    /// Reads the plain values of a project, by name.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn env_values(&self, project: ProjectId) -> Result<Vec<EnvValue>, StoreError> {
        let rows = sqlx::query("select * from env_values where project = $1 order by name")
            .bind(project.to_string())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(EnvValue::read).collect()
    }

    /// Reads the ids of all keys that something is encrypted with.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn sealing_keys(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "select key_id from secrets union select hook_key_id from projects where hook_key_id is not null
             order by key_id",
        )
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(|row| row.text("key_id")).collect()
    }
}

impl SecretRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.text("name")?,
            sealed: Sealed { key: row.text("key_id")?, bytes: row.try_get("sealed")? },
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

impl EnvValue {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { name: row.text("name")?, value: row.text("value")?, updated_at: row.time("updated_at")? })
    }
}
