//! Adding API tokens and taking them back.

use kiket_core::{ProjectId, Timestamp, TokenId};

use crate::unit::Unit;
use crate::{CommitError, Conflict};

/// An API token to add, known by its hash only.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Its public id.
    pub id: TokenId,
    /// The hash of the token, unique.
    pub hash: String,
    /// What people call it.
    pub name: String,
    /// What it may do: words without spaces, at least one.
    pub scopes: Vec<String>,
    /// The only project it may see; `None` is every project.
    pub project: Option<ProjectId>,
    /// Who made it; `None` is the server itself.
    pub created_by: Option<String>,
    /// The time.
    pub created_at: Timestamp,
    /// When it stops working; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// Takes a token back for good. One that was taken back before keeps its time; [`Conflict::UnknownSetting`] where there
/// is none.
#[derive(Debug, Clone)]
pub struct RevokeToken {
    /// The token.
    pub id: TokenId,
    /// The time.
    pub at: Timestamp,
}

impl NewToken {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        sqlx::query(
            "insert into tokens (id, hash, name, scopes, project, created_by, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(self.id.to_string())
        .bind(&self.hash)
        .bind(&self.name)
        .bind(self.scopes.join(" "))
        .bind(self.project.map(|project| project.to_string()))
        .bind(&self.created_by)
        .bind(self.created_at.millis())
        .bind(self.expires_at.map(Timestamp::millis))
        .execute(unit.connection().await?)
        .await?;
        Ok(())
    }
}

impl RevokeToken {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let revoked = sqlx::query("update tokens set revoked_at = coalesce(revoked_at, $1) where id = $2")
            .bind(self.at.millis())
            .bind(self.id.to_string())
            .execute(unit.connection().await?)
            .await?;
        match revoked.rows_affected() {
            0 => Err(Conflict::UnknownSetting { what: "token", name: self.id.to_string() }.into()),
            _ => Ok(()),
        }
    }
}
