//! Deliveries: webhook calls as they came, and what became of them.

use std::fmt;

use kiket_core::{DeliveryId, ProjectId, Timestamp};
use sqlx::Row as _;

use crate::sqlite::Row;
use crate::text::{Columns as _, words};
use crate::{Store, StoreError};

words! {
    /// How far a delivery has come.
    DeliveryStatus {
        /// It waits to be acted on.
        Pending = "pending",
        /// It was acted on, or there was nothing to do.
        Done = "done",
        /// It cannot be acted on.
        Failed = "failed",
    }
}

/// A webhook call whose signature was verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The project it was sent to.
    pub project: ProjectId,
    /// The forge's own id of the call.
    pub external_id: String,
    /// The forge's word for what happened.
    pub event: String,
    /// The text of a JSON object.
    pub headers: String,
    /// The body as it came.
    pub body: Vec<u8>,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// What became of it, for people.
    pub note: String,
    /// When it came.
    pub received_at: Timestamp,
}

impl fmt::Debug for Delivery {
    /// Leaves out what a stranger has written: headers and body, but for its size.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("id", &self.id)
            .field("project", &self.project)
            .field("external_id", &self.external_id)
            .field("event", &self.event)
            .field("bytes", &self.body.len())
            .field("status", &self.status)
            .field("note", &self.note)
            .field("received_at", &self.received_at)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Reads a delivery.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let row = sqlx::query("select * from deliveries where id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(Delivery::read).transpose()
    }

    /// Reads the newest deliveries of a project, the newest first; their bodies are left out.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn deliveries(&self, project: ProjectId, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query(
            "select id, project, external_id, event, headers, x'' as body, status, note, received_at from deliveries
             where project = $1 order by id desc limit $2",
        )
        .bind(project.to_string())
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(Delivery::read).collect()
    }
}

impl Delivery {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id")?,
            project: row.parsed("project")?,
            external_id: row.text("external_id")?,
            event: row.text("event")?,
            headers: row.text("headers")?,
            body: row.try_get("body")?,
            status: row.parsed("status")?,
            note: row.text("note")?,
            received_at: row.time("received_at")?,
        })
    }
}
