//! Inbound webhook calls: received once, settled once.

use kiket_core::{DeliveryId, ProjectId, Timestamp};

use super::{GiveUp, work};
use crate::read::LetterKind;
use crate::text::{Columns as _, words};
use crate::unit::Unit;
use crate::{CommitError, Conflict, Held, Task, WorkChange};

/// A delivery to add, together with the work of acting on it. The forge's id must be new to the project:
/// [`Conflict::DuplicateDelivery`].
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// The project it was sent to.
    pub project: ProjectId,
    /// The forge's own id of the call.
    pub external_id: String,
    /// The forge's word for what happened: `push`.
    pub event: String,
    /// The text of a JSON object.
    pub headers: String,
    /// The body as it came.
    pub body: Vec<u8>,
    /// The priority of the work; lower goes first.
    pub priority: i64,
    /// The time; the work is due at once.
    pub received_at: Timestamp,
}

impl NewDelivery {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let inserted = sqlx::query(
            "insert into deliveries (id, project, external_id, event, headers, body, status, note, received_at)
             values ($1, $2, $3, $4, $5, $6, 'pending', '', $7) on conflict (project, external_id) do nothing",
        )
        .bind(self.id.to_string())
        .bind(self.project.to_string())
        .bind(&self.external_id)
        .bind(&self.event)
        .bind(&self.headers)
        .bind(&self.body)
        .bind(self.received_at.millis())
        .execute(unit.connection().await?)
        .await?;
        if inserted.rows_affected() == 0 {
            return Err(existing(unit, self.project, &self.external_id).await?.into());
        }
        let task = Task::Delivery { delivery: self.id };
        let put = WorkChange::Put { task, priority: self.priority, due: self.received_at, lease: None };
        work::apply(unit, &[put]);
        Ok(())
    }
}

async fn existing(unit: &mut Unit<'_>, project: ProjectId, external_id: &str) -> Result<Conflict, CommitError> {
    let row = sqlx::query("select id from deliveries where project = $1 and external_id = $2")
        .bind(project.to_string())
        .bind(external_id)
        .fetch_one(unit.connection().await?)
        .await?;
    Ok(Conflict::DuplicateDelivery { id: row.parsed("id")? })
}

words! {
    /// How acting on a delivery ended.
    Settled {
        /// It was acted on, or there was nothing to do.
        Done = "done",
        /// It cannot be acted on.
        Failed = "failed",
    }
}

/// Says what became of a delivery, and ends the work of acting on it. One that failed becomes a dead letter.
#[derive(Debug, Clone)]
pub struct SettleDelivery {
    /// The delivery.
    pub id: DeliveryId,
    /// How it ended.
    pub status: Settled,
    /// What became of it, for people.
    pub note: String,
    /// The hold on its work: the unit does not apply without it.
    pub held: Held,
    /// The time.
    pub at: Timestamp,
}

impl SettleDelivery {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        work::finish(unit, &self.held);
        let row = sqlx::query("update deliveries set status = $1, note = $2 where id = $3 returning project")
            .bind(self.status.as_str())
            .bind(&self.note)
            .bind(self.id.to_string())
            .fetch_optional(unit.connection().await?)
            .await?;
        let (Settled::Failed, Some(row)) = (self.status, row) else { return Ok(()) };
        let (kind, about, at) = (LetterKind::Delivery, self.id.to_string(), self.at);
        let (project, reason, tries) = (row.parsed("project")?, self.note.clone(), self.held.fence);
        GiveUp { kind, about, project, run: None, reason, tries, at }.apply(unit).await
    }
}
