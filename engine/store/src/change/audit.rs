//! The book of privileged acts.

use kiket_core::{ProjectId, Timestamp};

use crate::CommitError;
use crate::unit::Unit;

/// An act to note. It belongs into the unit of the act itself, so that there is neither without the other.
#[derive(Debug, Clone)]
pub struct NewAudit {
    /// The time.
    pub at: Timestamp,
    /// The id of the token that acts.
    pub token: String,
    /// What people call that token.
    pub token_name: String,
    /// What is done: `secret.set`.
    pub act: &'static str,
    /// What it is done to: an id or a name.
    pub subject: String,
    /// The project; `None` is the server as a whole.
    pub project: Option<ProjectId>,
    /// Whether it was done, or tried in vain.
    pub done: bool,
}

impl NewAudit {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        sqlx::query(
            "insert into audit (at, token, token_name, act, subject, project, outcome)
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(self.at.millis())
        .bind(&self.token)
        .bind(&self.token_name)
        .bind(self.act)
        .bind(&self.subject)
        .bind(self.project.map(|project| project.to_string()))
        .bind(if self.done { "done" } else { "failed" })
        .execute(unit.connection().await?)
        .await?;
        Ok(())
    }
}
