//! Dead letters: what was given up and waits for a person.

use kiket_core::{ProjectId, RunId, Timestamp};
use sqlx::QueryBuilder;

use crate::sqlite::{Database, Row};
use crate::text::{Columns as _, words};
use crate::{Store, StoreError};

words! {
    /// What was given up.
    LetterKind {
        /// Acting on a delivery.
        Delivery = "delivery",
        /// Letting an item go on after its actions.
        Item = "item",
        /// A run whose definitions cannot be had, or that cannot be worked on.
        Run = "run",
        /// A stage whose effect nobody knows; `about` is run/stage.
        Stage = "stage",
        /// Telling a forge of a run.
        Status = "status",
        /// Looking at a project's branch.
        Sync = "sync",
    }
}

words! {
    /// What became of a letter.
    LetterState {
        /// It waits for a person.
        Open = "open",
        /// It was tried again.
        Retried = "retried",
        /// It was let go.
        Discarded = "discarded",
        /// What it is about has come about by itself.
        Recovered = "recovered",
    }
}

/// Something that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number, which grows.
    pub id: i64,
    /// What was given up.
    pub kind: LetterKind,
    /// Which one: the id of a delivery, an item, a run or a project, or run/stage.
    pub about: String,
    /// Its project.
    pub project: ProjectId,
    /// The name of that.
    pub project_name: String,
    /// The run it is about or came from.
    pub run: Option<RunId>,
    /// Why, for people.
    pub reason: String,
    /// How often it was tried.
    pub tries: i64,
    /// When it was given up first.
    pub since: Timestamp,
    /// And last.
    pub at: Timestamp,
    /// What became of it.
    pub state: LetterState,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
}

/// Which letters to list; what is left out does not narrow.
#[derive(Debug, Clone, Default)]
pub struct LetterFilter {
    /// Of this project.
    pub project: Option<ProjectId>,
    /// Of this kind.
    pub kind: Option<LetterKind>,
    /// Older than this one: the last of the page before.
    pub before: Option<i64>,
}

/// How many letters are open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetterCounts {
    /// Of each kind of which there is any.
    pub open: Vec<(LetterKind, u64)>,
    /// How many were let go because there were too many.
    pub dropped: u64,
}

const SELECT: &str = "select dead_letters.*, projects.name as project_name from dead_letters
    join projects on projects.id = dead_letters.project where ";

impl Store {
    /// Reads a letter, whatever became of it.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>, StoreError> {
        let mut query = QueryBuilder::<Database>::new(SELECT);
        query.push("dead_letters.id = ").push_bind(id);
        let row = query.build().fetch_optional(&mut *self.reader().await?).await?;
        row.as_ref().map(DeadLetter::read).transpose()
    }

    /// Lists the letters that are open, the newest first.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn dead_letters(&self, filter: &LetterFilter, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        let mut query = QueryBuilder::<Database>::new(SELECT);
        query.push("state = 'open'");
        if let Some(project) = filter.project {
            query.push(" and project = ").push_bind(project.to_string());
        }
        if let Some(kind) = filter.kind {
            query.push(" and kind = ").push_bind(kind.as_str());
        }
        if let Some(before) = filter.before {
            query.push(" and dead_letters.id < ").push_bind(before);
        }
        query.push(" order by dead_letters.id desc limit ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(DeadLetter::read).collect()
    }

    /// Counts the letters that are open.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn dead_letter_counts(&self) -> Result<LetterCounts, StoreError> {
        let rows = sqlx::query(
            "select kind, count(*) as count from dead_letters where state = 'open' group by kind
             union all select '', dropped_letters from counter",
        )
        .fetch_all(&mut *self.reader().await?)
        .await?;
        let mut counts = LetterCounts::default();
        for row in &rows {
            let count = row.number("count")?.unsigned_abs();
            match row.text("kind")?.as_str() {
                "" => counts.dropped = count,
                _ => counts.open.push((row.parsed("kind")?, count)),
            }
        }
        Ok(counts)
    }
}

impl DeadLetter {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.number("id")?,
            kind: row.parsed("kind")?,
            about: row.text("about")?,
            project: row.parsed("project")?,
            project_name: row.text("project_name")?,
            run: row.optional_parsed("run")?,
            reason: row.text("reason")?,
            tries: row.number("tries")?,
            since: row.time("since")?,
            at: row.time("at")?,
            state: row.parsed("state")?,
            settled_at: row.optional_time("settled_at")?,
        })
    }
}
