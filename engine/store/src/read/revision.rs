//! Revisions and their files.

use kiket_core::{Level, Origin, ProjectId, RevisionId, Source, Timestamp};

use crate::sqlite::Row;
use crate::text::{Columns as _, words};
use crate::{Store, StoreError};

words! {
    /// What a revision is to its project.
    RevisionStatus {
        /// It is in force.
        Active = "active",
        /// It was in force before.
        Superseded = "superseded",
        /// It has errors and was never in force.
        Rejected = "rejected",
        /// It was read from another branch than the one that is followed, and is in force for that one's runs only.
        Branch = "branch",
        /// It came with a request instead of a push, and is in force for that one's run only.
        Submitted = "submitted",
    }
}

/// One compiled state of a project's definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its id.
    pub id: RevisionId,
    /// Its project.
    pub project: ProjectId,
    /// The Git reference it was read from.
    pub reference: Option<String>,
    /// The commit it was read from.
    pub commit: String,
    /// What it is to its project.
    pub status: RevisionStatus,
    /// What was found in it, JSON array.
    pub diagnostics: String,
    /// The plugins it is bound to, JSON.
    pub plugins: String,
    /// When it was added.
    pub created_at: Timestamp,
}

impl Store {
    /// Reads a revision.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn revision(&self, id: RevisionId) -> Result<Option<Revision>, StoreError> {
        let row = sqlx::query("select * from revisions where id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(Revision::read).transpose()
    }

    /// Reads what all revisions say of the plugins they are bound to, each text once.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn pinned_plugins(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("select distinct plugins from revisions").fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(|row| row.text("plugins")).collect()
    }

    /// Reads the files of a revision and where they come from, by level (the weakest first) and path. They never
    /// change.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn sources(&self, id: RevisionId) -> Result<Vec<Source>, StoreError> {
        let rows = sqlx::query(
            "select level, path, repository, branch, commit_id, text
             from definitions join blobs on blobs.digest = definitions.digest
             where revision = $1 order by level, path",
        )
        .bind(id.to_string())
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(read_source).collect()
    }

    /// Reads the latest revisions of a project, newest first; those that were submitted are not among them.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn revisions(&self, project: ProjectId, limit: u32) -> Result<Vec<Revision>, StoreError> {
        self.revisions_before(project, None, limit).await
    }

    /// Reads revisions of a project that are older than one of them, newest first; those that were submitted are not
    /// among them.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn revisions_before(
        &self,
        project: ProjectId,
        before: Option<RevisionId>,
        limit: u32,
    ) -> Result<Vec<Revision>, StoreError> {
        let query = "select * from revisions where project = $1 and submitted = 0 and ($2 is null or id < $2)
                     order by id desc limit $3";
        let rows = sqlx::query(query)
            .bind(project.to_string())
            .bind(before.map(|before| before.to_string()))
            .bind(i64::from(limit))
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(Revision::read).collect()
    }
}

impl Revision {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id")?,
            project: row.parsed("project")?,
            reference: row.optional_text("reference")?,
            commit: row.text("commit_id")?,
            status: match row.number("submitted")? {
                0 => row.parsed("status")?,
                _ => RevisionStatus::Submitted,
            },
            diagnostics: row.text("diagnostics")?,
            plugins: row.text("plugins")?,
            created_at: row.time("created_at")?,
        })
    }
}

fn read_source(row: &Row) -> Result<Source, StoreError> {
    let level = row.text("level")?;
    let level = Level::from_word(&level).ok_or(StoreError::Malformed { column: "level", value: level })?;
    let origin = Origin {
        level,
        repository: row.optional_text("repository")?,
        branch: row.optional_text("branch")?,
        commit: row.optional_text("commit_id")?,
    };
    Ok(Source { path: row.text("path")?, text: row.text("text")?, origin })
}
