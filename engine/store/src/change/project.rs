//! Adding projects.

use kiket_core::{ProjectId, Timestamp};

use super::sync;
use crate::unit::Unit;
use crate::{CommitError, Conflict, HookSecret};

/// A project to add. Its name must be new: [`Conflict::DuplicateProject`]; and the items of no other project may be called
/// so: [`Conflict::DuplicateKey`].
#[derive(Debug, Clone)]
pub struct NewProject {
    /// Its id.
    pub id: ProjectId,
    /// Its name, unique.
    pub name: String,
    /// Where its repository is.
    pub url: String,
    /// The branch to follow; `None` is the remote's default.
    pub branch: Option<String>,
    /// The repository whose definitions are laid over the project's own, if any.
    pub overrides_url: Option<String>,
    /// The branch of that repository; `None` is the remote's default. Only with `overrides_url`.
    pub overrides_branch: Option<String>,
    /// The key its webhooks are signed with.
    pub hook_secret: HookSecret,
    /// How often to look at the branch, in milliseconds; `None` is only by webhook and by hand.
    pub sync_every: Option<i64>,
    /// The time.
    pub created_at: Timestamp,
}

impl NewProject {
    /// A project that follows its remote's default branch, by webhook and by hand, with nothing laid over it.
    pub fn new(
        id: ProjectId,
        name: impl Into<String>,
        url: impl Into<String>,
        hook_secret: HookSecret,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            name: name.into(),
            url: url.into(),
            branch: None,
            overrides_url: None,
            overrides_branch: None,
            hook_secret,
            sync_every: None,
            created_at,
        }
    }

    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let (clear, sealed) = match &self.hook_secret {
            HookSecret::Clear(secret) => (secret.as_str(), None),
            HookSecret::Sealed(sealed) => ("", Some(sealed)),
        };
        let key = self.name.to_ascii_uppercase();
        let other = sqlx::query_scalar("select name from projects where key = $1 and name <> $2")
            .bind(&key)
            .bind(&self.name)
            .fetch_optional(unit.connection().await?)
            .await?;
        if let Some(project) = other {
            return Err(Conflict::DuplicateKey { key, project }.into());
        }
        let inserted = sqlx::query(
            "insert into projects (id, name, url, branch, overrides_url, overrides_branch, hook_secret, hook_key_id,
                                   hook_sealed, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing",
        )
        .bind(self.id.to_string())
        .bind(&self.name)
        .bind(&self.url)
        .bind(&self.branch)
        .bind(&self.overrides_url)
        .bind(&self.overrides_branch)
        .bind(clear)
        .bind(sealed.map(|sealed| &sealed.key))
        .bind(sealed.map(|sealed| &sealed.bytes))
        .bind(self.created_at.millis())
        .execute(unit.connection().await?)
        .await?;
        match inserted.rows_affected() {
            0 => Err(Conflict::DuplicateProject { name: self.name.clone() }.into()),
            _ if self.sync_every.is_none() => Ok(()),
            _ => sync::set_timer(unit, self.id, self.sync_every, self.created_at).await,
        }
    }
}
