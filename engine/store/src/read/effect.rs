//! What attempts did to the world.

use sqlx::Row as _;

use crate::sqlite::Row;
use crate::text::Columns as _;
use crate::{Journal, Store, StoreError};

/// One effect of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Which, from 0.
    pub ordinal: u32,
    /// What was read since the one before.
    pub before: Vec<u8>,
    /// SHA-256 of what was asked for.
    pub request: Vec<u8>,
    /// The same for people, JSON.
    pub intent: String,
    /// What came of it, where that is known.
    pub receipt: Option<Vec<u8>>,
}

impl Store {
    /// Reads the effects of a journal in order.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn effects(&self, journal: &Journal) -> Result<Vec<Effect>, StoreError> {
        let rows = sqlx::query(
            "select ordinal, before, request, intent, receipt from effects
             where run = $1 and stage = $2 and journal = $3 order by ordinal",
        )
        .bind(journal.run.to_string())
        .bind(&journal.stage)
        .bind(i64::from(journal.attempt))
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(Effect::read).collect()
    }
}

impl Effect {
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            ordinal: u32::try_from(row.number("ordinal")?).unwrap_or(u32::MAX),
            before: row.try_get("before")?,
            request: row.try_get("request")?,
            intent: row.text("intent")?,
            receipt: row.try_get("receipt")?,
        })
    }
}
