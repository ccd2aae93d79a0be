//! How a project is kept in step with its repository: its settings, its timer, and what came of the last look.
//!
//! Invariant: a project that is looked at now and then has a row of work for that, and no other has.

use kiket_core::{ProjectId, Timestamp};

use super::{GiveUp, Recover, work};
use crate::read::{LetterKind, SyncedCommit};
use crate::text::Columns as _;
use crate::unit::Unit;
use crate::{CommitError, Conflict, Position, Task, WorkChange};

/// Looking at a repository goes after what people wait for.
pub const SYNC_PRIORITY: i64 = 10;

/// How often in a row a branch cannot be looked at before people are told.
const FAILURES: i64 = 5;

/// What is set anew about a project; what is `None` stays. The project must be there: [`Conflict::UnknownSetting`].
#[derive(Debug, Clone)]
pub struct ProjectChange {
    /// The project.
    pub project: ProjectId,
    /// Where its repository is. What was found at another place is forgotten.
    pub url: Option<String>,
    /// The branch to follow; `Some(None)` is the remote's default.
    pub branch: Option<Option<String>>,
    /// How often to look at it, in milliseconds; `Some(None)` is only by webhook and by hand.
    pub sync_every: Option<Option<i64>>,
    /// Where statuses of commits are posted, JSON; `Some(None)` is nowhere.
    pub forge: Option<Option<String>>,
    /// The time; the timer begins anew with it where its interval is set.
    pub at: Timestamp,
}

impl ProjectChange {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let id = self.project.to_string();
        let known = sqlx::query(
            "update projects set url = coalesce($1, url),
                 branch = case when $2 then $3 else branch end, forge = case when $4 then $5 else forge end,
                 forge_error = case when $4 then null else forge_error end where id = $6",
        )
        .bind(&self.url)
        .bind(self.branch.is_some())
        .bind(self.branch.clone().flatten())
        .bind(self.forge.is_some())
        .bind(self.forge.clone().flatten())
        .bind(&id)
        .execute(unit.connection().await?)
        .await?;
        if known.rows_affected() == 0 {
            return Err(Conflict::UnknownSetting { what: "project", name: id }.into());
        }
        if self.url.is_some() {
            sqlx::query("update projects set synced_reference = null, synced_commit = null where id = $1")
                .bind(&id)
                .execute(unit.connection().await?)
                .await?;
        }
        match self.sync_every {
            Some(every) => set_timer(unit, self.project, every, self.at).await,
            None => Ok(()),
        }
    }
}

/// Sets how often a project is looked at, and the timer.
pub(super) async fn set_timer(
    unit: &mut Unit<'_>,
    project: ProjectId,
    every: Option<i64>,
    now: Timestamp,
) -> Result<(), CommitError> {
    sqlx::query("update projects set sync_every = $1 where id = $2")
        .bind(every)
        .bind(project.to_string())
        .execute(unit.connection().await?)
        .await?;
    let task = Task::Sync { project };
    let change = match every {
        Some(every) => {
            let due = Timestamp::from_millis(now.millis().saturating_add(every));
            WorkChange::Put { task, priority: SYNC_PRIORITY, due, lease: None }
        }
        None => WorkChange::Done(task.key()),
    };
    work::apply(unit, &[change]);
    Ok(())
}

/// What came of looking at the branch of a project.
#[derive(Debug, Clone)]
pub struct NoteSync {
    /// The project.
    pub project: ProjectId,
    /// The time.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: SyncOutcome,
}

/// What looking at a branch led to.
#[derive(Debug, Clone)]
pub enum SyncOutcome {
    /// This was found.
    Synced(SyncedCommit),
    /// There is no commit yet.
    Nothing,
    /// It could not be done.
    Failed {
        /// Why, for people.
        error: String,
    },
}

impl NoteSync {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let id = self.project.to_string();
        let query = match &self.outcome {
            SyncOutcome::Synced(SyncedCommit { reference, commit }) => sqlx::query(
                "update projects set synced_at = $2, synced_reference = $3, synced_commit = $4, sync_error = null,
                     sync_failures = 0 where id = $1",
            )
            .bind(id)
            .bind(self.at.millis())
            .bind(reference)
            .bind(commit),
            SyncOutcome::Nothing => {
                sqlx::query("update projects set synced_at = $2, sync_error = null, sync_failures = 0 where id = $1")
                    .bind(id)
                    .bind(self.at.millis())
            }
            SyncOutcome::Failed { error } => {
                sqlx::query("update projects set sync_error = $2, sync_failures = sync_failures + 1 where id = $1")
                    .bind(id)
                    .bind(error)
            }
        };
        query.execute(unit.connection().await?).await?;
        self.tell_of_failures(unit).await
    }

    /// A branch that cannot be looked at again and again is a dead letter, until it can. One that was let go stays gone.
    async fn tell_of_failures(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let (kind, about, at) = (LetterKind::Sync, self.project.to_string(), self.at);
        let SyncOutcome::Failed { error } = &self.outcome else {
            Recover { kind, about, at }.apply(unit);
            return Ok(());
        };
        let row = sqlx::query(
            "select sync_failures, (select state from dead_letters where kind = 'sync' and about = projects.id
                                    order by dead_letters.id desc limit 1) as state
             from projects where id = $1",
        )
        .bind(&about)
        .fetch_optional(unit.connection().await?)
        .await?;
        let Some(row) = row else { return Ok(()) };
        let (tries, state) = (row.number("sync_failures")?, row.optional_text("state")?);
        if tries == FAILURES || (tries > FAILURES && state.as_deref() != Some("discarded")) {
            let (project, reason) = (self.project, error.clone());
            return GiveUp { kind, about, project, run: None, reason, tries, at }.apply(unit).await;
        }
        Ok(())
    }
}

/// What came of telling a project's forge: `None` where it took it.
#[derive(Debug, Clone)]
pub struct NoteForge {
    /// The project.
    pub project: ProjectId,
    /// Why it did not take it, for people.
    pub error: Option<String>,
}

impl NoteForge {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        sqlx::query("update projects set forge_error = $1 where id = $2 and forge_error is distinct from $1")
            .bind(&self.error)
            .bind(self.project.to_string())
            .execute(unit.connection().await?)
            .await?;
        Ok(())
    }
}

/// Moves the cursor of somebody who follows the log; it never goes back.
#[derive(Debug, Clone)]
pub struct MoveCursor {
    /// Whose.
    pub name: &'static str,
    /// Everything up to here is done.
    pub position: Position,
}

impl MoveCursor {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        sqlx::query(
            "insert into cursors (name, position) values ($1, $2)
             on conflict (name) do update set position = excluded.position
             where excluded.position > cursors.position",
        )
        .bind(self.name)
        .bind(self.position.get())
        .execute(unit.connection().await?)
        .await?;
        Ok(())
    }
}
