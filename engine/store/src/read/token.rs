//! API tokens, and the book of privileged acts.

use kiket_core::{ProjectId, Timestamp, TokenId};

use crate::sqlite::Row;
use crate::text::Columns as _;
use crate::{Store, StoreError};

/// An API token, known by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its public id.
    pub id: TokenId,
    /// The hash of the token.
    pub hash: String,
    /// What people call it.
    pub name: String,
    /// What it may do, in words.
    pub scopes: Vec<String>,
    /// The only project it may see, by id and name; `None` is every project.
    pub project: Option<(ProjectId, String)>,
    /// Who made it; `None` is the server itself.
    pub created_by: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it stops working; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// A privileged act that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place in the order of commits.
    pub id: i64,
    /// The time.
    pub at: Timestamp,
    /// The id of the token that acted.
    pub token: String,
    /// What people called that token.
    pub token_name: String,
    /// What was done: `secret.set`.
    pub act: String,
    /// What it was done to.
    pub subject: String,
    /// The name of the project; `None` is the server as a whole.
    pub project: Option<String>,
    /// What came of it: `done`.
    pub outcome: String,
}

impl Store {
    /// Reads the token with this hash.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn token(&self, hash: &str) -> Result<Option<Token>, StoreError> {
        let row = sqlx::query(
            "select tokens.*, projects.name as project_name from tokens
             left join projects on projects.id = tokens.project where tokens.hash = $1",
        )
        .bind(hash)
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        row.as_ref().map(Token::read).transpose()
    }

    /// Reads at most `limit` tokens, the latest first, from before the one called `before` on.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn tokens(&self, before: Option<TokenId>, limit: u32) -> Result<Vec<Token>, StoreError> {
        let rows = sqlx::query(
            "select tokens.*, projects.name as project_name from tokens
             left join projects on projects.id = tokens.project
             where $1 is null or tokens.id < $1 order by tokens.id desc limit $2",
        )
        .bind(before.map(|before| before.to_string()))
        .bind(limit)
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(Token::read).collect()
    }

    /// Reads at most `limit` privileged acts, the latest first, from before the one called `before` on.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn audit(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let rows = sqlx::query(
            "select audit.*, projects.name as project_name from audit
             left join projects on projects.id = audit.project
             where audit.id < $1 order by audit.id desc limit $2",
        )
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(AuditRow::read).collect()
    }
}

impl Token {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id")?,
            hash: row.text("hash")?,
            name: row.text("name")?,
            scopes: row.text("scopes")?.split(' ').map(str::to_owned).collect(),
            project: row.optional_parsed("project")?.zip(row.optional_text("project_name")?),
            created_by: row.optional_text("created_by")?,
            created_at: row.time("created_at")?,
            expires_at: row.optional_time("expires_at")?,
            revoked_at: row.optional_time("revoked_at")?,
        })
    }
}

impl AuditRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.number("id")?,
            at: row.time("at")?,
            token: row.text("token")?,
            token_name: row.text("token_name")?,
            act: row.text("act")?,
            subject: row.text("subject")?,
            project: row.optional_text("project_name")?,
            outcome: row.text("outcome")?,
        })
    }
}
