//! Projects.

use kiket_core::{ProjectId, RevisionId, Timestamp};
use sqlx::Row as _;

use crate::sqlite::Row;
use crate::text::Columns as _;
use crate::{HookSecret, Position, Sealed, Store, StoreError};

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name, unique.
    pub name: String,
    /// Where its repository is.
    pub url: String,
    /// The branch that is followed; `None` is the remote's default.
    pub branch: Option<String>,
    /// The repository whose definitions are laid over the project's own, if any.
    pub overrides_url: Option<String>,
    /// The branch of that repository; `None` is the remote's default.
    pub overrides_branch: Option<String>,
    /// The key its webhooks are signed with.
    pub hook_secret: HookSecret,
    /// The revision in force; `None` until one was published.
    pub active_revision: Option<RevisionId>,
    /// What the keys of its items begin with, in capitals; `None` until a revision was published.
    pub key: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// How often its branch is looked at, in milliseconds; `None` is only by webhook and by hand.
    pub sync_every: Option<i64>,
    /// When its branch was last looked at with success.
    pub synced_at: Option<Timestamp>,
    /// What was found then; `None` where there was nothing yet, or another address.
    pub synced: Option<SyncedCommit>,
    /// Why the last look failed, if it did.
    pub sync_error: Option<String>,
    /// How many have failed in a row.
    pub sync_failures: i64,
    /// Where statuses of commits are posted, JSON; `None` is nowhere.
    pub forge: Option<String>,
    /// Why the forge did not take the last one, if it did not.
    pub forge_error: Option<String>,
}

/// The newest commit of a branch that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncedCommit {
    /// The full name of the branch: `refs/heads/main`.
    pub reference: String,
    /// The commit.
    pub commit: String,
}

/// A project, and what a run of its active revision takes over from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartingPoint {
    /// The project.
    pub project: Project,
    /// The commit of the active revision, if there is one.
    pub commit: Option<String>,
    /// The Git reference it was read from.
    pub reference: Option<String>,
    /// The project's plain values by name, each the text of a JSON string.
    pub env: Vec<(String, String)>,
}

impl Store {
    /// Reads a project by its name, with everything that a run of it starts with.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn starting_point(&self, name: &str) -> Result<Option<StartingPoint>, StoreError> {
        let rows = sqlx::query(
            "select projects.*, revisions.commit_id, revisions.reference,
                 env_values.name as env_name, env_values.value as env_value
             from projects
             left join revisions on revisions.id = projects.active_revision
             left join env_values on env_values.project = projects.id
             where projects.name = $1 order by env_values.name",
        )
        .bind(name)
        .fetch_all(&mut *self.reader().await?)
        .await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let mut env = Vec::new();
        for row in &rows {
            env.extend(row.optional_text("env_name")?.zip(row.optional_text("env_value")?));
        }
        let (commit, reference) = (first.optional_text("commit_id")?, first.optional_text("reference")?);
        Ok(Some(StartingPoint { project: Project::read(first)?, commit, reference, env }))
    }

    /// Reads a project.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn project(&self, id: ProjectId) -> Result<Option<Project>, StoreError> {
        let row = sqlx::query("select * from projects where id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(Project::read).transpose()
    }

    /// Reads a project by its name.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn project_by_name(&self, name: &str) -> Result<Option<Project>, StoreError> {
        let row = sqlx::query("select * from projects where name = $1")
            .bind(name)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(Project::read).transpose()
    }

    /// Reads the project whose items are called by a key, in capitals.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn project_by_key(&self, key: &str) -> Result<Option<Project>, StoreError> {
        let row = sqlx::query("select * from projects where key = $1")
            .bind(key)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(Project::read).transpose()
    }

    /// Reads all projects, by name.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn projects(&self) -> Result<Vec<Project>, StoreError> {
        let rows = sqlx::query("select * from projects order by name").fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(Project::read).collect()
    }

    /// Reads how far somebody who follows the log has come; the beginning where that is not known.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn cursor(&self, name: &str) -> Result<Position, StoreError> {
        let position: Option<i64> = sqlx::query_scalar("select position from cursors where name = $1")
            .bind(name)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        Ok(position.map_or(Position::ZERO, Position::new))
    }
}

impl Project {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let hook_secret = match row.optional_text("hook_key_id")? {
            Some(key) => HookSecret::Sealed(Sealed { key, bytes: row.try_get("hook_sealed")? }),
            None => HookSecret::Clear(row.text("hook_secret")?),
        };
        Ok(Self {
            id: row.parsed("id")?,
            name: row.text("name")?,
            url: row.text("url")?,
            branch: row.optional_text("branch")?,
            overrides_url: row.optional_text("overrides_url")?,
            overrides_branch: row.optional_text("overrides_branch")?,
            hook_secret,
            active_revision: row.optional_parsed("active_revision")?,
            key: row.optional_text("key")?,
            created_at: row.time("created_at")?,
            sync_every: row.optional_number("sync_every")?,
            synced_at: row.optional_time("synced_at")?,
            synced: row
                .optional_text("synced_reference")?
                .zip(row.optional_text("synced_commit")?)
                .map(|(reference, commit)| SyncedCommit { reference, commit }),
            sync_error: row.optional_text("sync_error")?,
            sync_failures: row.number("sync_failures")?,
            forge: row.optional_text("forge")?,
            forge_error: row.optional_text("forge_error")?,
        })
    }
}
