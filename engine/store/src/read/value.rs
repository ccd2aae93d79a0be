//! Values that plugins keep.

use kiket_core::ProjectId;
use sqlx::Row as _;

use crate::text::Columns as _;
use crate::{Store, StoreError, sqlite};

impl Store {
    /// Reads the value that a plugin keeps for a project under a key.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn plugin_value(
        &self,
        project: ProjectId,
        plugin: &str,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("select value from plugin_values where project = $1 and plugin = $2 and key = $3")
            .bind(project.to_string())
            .bind(plugin)
            .bind(key)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        Ok(row.map(|row| row.try_get("value")).transpose()?)
    }

    /// Lists the keys that begin with a prefix and come after one, in the order of their bytes.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn plugin_keys(
        &self,
        project: ProjectId,
        plugin: &str,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        // No text has the byte FF: what begins with the prefix comes before the prefix with it.
        let rows = sqlx::query(
            "select key from plugin_values
             where project = $1 and plugin = $2 and key >= $3 and key < $3 || cast(x'ff' as text) and key > $4
             order by key limit $5",
        )
        .bind(project.to_string())
        .bind(plugin)
        .bind(prefix)
        .bind(after.unwrap_or_default())
        .bind(limit)
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(|row| row.text("key")).collect()
    }
}

/// Says where a plugin's sum of bytes is not that of its values.
pub(super) async fn miscounted(reader: &mut sqlite::Connection) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(
        "select project, plugin, sum(counted) as counted, sum(kept) as kept
         from (select project, plugin, bytes as counted, 0 as kept from plugin_usage
               union all select project, plugin, 0, octet_length(key) + length(value) from plugin_values)
         group by project, plugin having sum(counted) <> sum(kept)",
    )
    .fetch_all(reader)
    .await?;
    rows.iter()
        .map(|row| {
            let (project, plugin) = (row.text("project")?, row.text("plugin")?);
            let (counted, kept) = (row.number("counted")?, row.number("kept")?);
            Ok(format!("{plugin} keeps {kept} bytes for {project}, and {counted} are counted"))
        })
        .collect()
}
