//! Values that plugins keep. They belong to no stream: nothing is decided from them but by the plugin.

use kiket_core::ProjectId;
use sqlx::Row as _;

use super::work;
use crate::unit::Unit;
use crate::{CommitError, Conflict, Held};

/// A value to keep, replace or remove.
///
/// Removing what is not there is [`Conflict::ValueDiffers`], as is every value that is not the expected one. Growing
/// past the quota is [`Conflict::OverQuota`]; shrinking never is, also where there is too much already.
#[derive(Debug, Clone)]
pub struct PutValue {
    /// The project.
    pub project: ProjectId,
    /// The plugin, as `uses:` names it.
    pub plugin: String,
    /// The key: 1 to 256 bytes.
    pub key: String,
    /// What the value has to be, `Some(None)` for none; anything where this is `None`.
    pub expected: Option<Option<Vec<u8>>>,
    /// The new value, at most 1 MiB; `None` removes it.
    pub value: Option<Vec<u8>>,
    /// Most bytes of all keys and values of the plugin in the project.
    pub quota: u64,
    /// The hold under which it happens, if any.
    pub held: Option<Held>,
}

impl PutValue {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        if let Some(held) = &self.held {
            work::check(unit, held);
        }
        let current = self.current(unit).await?;
        let differs = match &self.expected {
            Some(expected) => *expected != current,
            None => self.value.is_none() && current.is_none(),
        };
        if differs {
            return Err(Conflict::ValueDiffers { key: self.key.clone() }.into());
        }
        self.count(unit, current.as_deref()).await?;
        match &self.value {
            Some(value) => self.set(unit, value).await,
            None => self.remove(unit).await,
        }
    }

    async fn current(&self, unit: &mut Unit<'_>) -> Result<Option<Vec<u8>>, CommitError> {
        let row = sqlx::query("select value from plugin_values where project = $1 and plugin = $2 and key = $3")
            .bind(self.project.to_string())
            .bind(&self.plugin)
            .bind(&self.key)
            .fetch_optional(unit.connection().await?)
            .await?;
        Ok(row.map(|row| row.try_get("value")).transpose()?)
    }

    /// Moves the sum on, as far as the quota allows.
    async fn count(&self, unit: &mut Unit<'_>, current: Option<&[u8]>) -> Result<(), CommitError> {
        let growth = self.bytes(self.value.as_deref()) - self.bytes(current);
        if growth == 0 {
            return Ok(());
        }
        sqlx::query("insert into plugin_usage (project, plugin, bytes) values ($1, $2, 0) on conflict do nothing")
            .bind(self.project.to_string())
            .bind(&self.plugin)
            .execute(unit.connection().await?)
            .await?;
        let row = sqlx::query(
            "update plugin_usage set bytes = bytes + $3 where project = $1 and plugin = $2 returning bytes",
        )
        .bind(self.project.to_string())
        .bind(&self.plugin)
        .bind(growth)
        .fetch_one(unit.connection().await?)
        .await?;
        let used: i64 = row.try_get("bytes")?;
        if growth > 0 && u64::try_from(used).is_ok_and(|used| used > self.quota) {
            return Err(Conflict::OverQuota { needed: used.unsigned_abs(), quota: self.quota }.into());
        }
        Ok(())
    }

    async fn set(&self, unit: &mut Unit<'_>, value: &[u8]) -> Result<(), CommitError> {
        sqlx::query(
            "insert into plugin_values (project, plugin, key, value, bytes) values ($1, $2, $3, $4, $5)
             on conflict (project, plugin, key) do update set value = excluded.value, bytes = excluded.bytes",
        )
        .bind(self.project.to_string())
        .bind(&self.plugin)
        .bind(&self.key)
        .bind(value)
        .bind(self.bytes(Some(value)))
        .execute(unit.connection().await?)
        .await?;
        Ok(())
    }

    async fn remove(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        sqlx::query("delete from plugin_values where project = $1 and plugin = $2 and key = $3")
            .bind(self.project.to_string())
            .bind(&self.plugin)
            .bind(&self.key)
            .execute(unit.connection().await?)
            .await?;
        Ok(())
    }

    /// What a value counts, with its key.
    fn bytes(&self, value: Option<&[u8]>) -> i64 {
        value.map_or(0, |value| i64::try_from(self.key.len() + value.len()).unwrap_or(i64::MAX))
    }
}
