//! Dead letters: what was given up, written in the unit that gives it up, and settled in the unit that tries it again.
//!
//! Invariants: one letter about one thing is open at a time; a letter that is settled never changes again; there are
//! never more than [`OPEN_LETTERS`] open ones, and those that made room are counted.

use kiket_core::{DeliveryId, ProjectId, RunId, Timestamp};

use super::work;
use crate::read::{LetterKind, LetterState};
use crate::script::Expected;
use crate::unit::Unit;
use crate::{CommitError, Conflict, Task, WorkChange};

/// Most letters that are open; for one more the oldest is let go.
pub const OPEN_LETTERS: i64 = 10_000;
/// Most characters of a reason.
const REASON: usize = 2_000;

/// Something is given up. Where a letter about it is open, that one has the newest reason from now on.
#[derive(Debug, Clone)]
pub struct GiveUp {
    /// What kind of thing it is.
    pub kind: LetterKind,
    /// Which one.
    pub about: String,
    /// Its project.
    pub project: ProjectId,
    /// The run it is about or came from; it is kept while the letter is open.
    pub run: Option<RunId>,
    /// Why, for people.
    pub reason: String,
    /// How often it was tried, at least once.
    pub tries: i64,
    /// The time.
    pub at: Timestamp,
}

impl GiveUp {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let reason: String = self.reason.chars().take(REASON).collect();
        sqlx::query(
            "insert into dead_letters (kind, about, project, run, reason, tries, since, at, state)
             values ($1, $2, $3, $4, $5, $6, $7, $7, 'open')
             on conflict (kind, about) where state = 'open'
             do update set reason = excluded.reason, tries = excluded.tries, at = excluded.at",
        )
        .bind(self.kind.as_str())
        .bind(&self.about)
        .bind(self.project.to_string())
        .bind(self.run.map(|run| run.to_string()))
        .bind(reason)
        .bind(self.tries.max(1))
        .bind(self.at.millis())
        .execute(unit.connection().await?)
        .await?;
        let dropped = sqlx::query(
            "update dead_letters set state = 'discarded', settled_at = $1 where state = 'open' and id <=
                 (select id from dead_letters where state = 'open' order by id desc limit 1 offset $2)",
        )
        .bind(self.at.millis())
        .bind(OPEN_LETTERS)
        .execute(unit.connection().await?)
        .await?
        .rows_affected();
        if dropped > 0 {
            sqlx::query("update counter set dropped_letters = dropped_letters + $1")
                .bind(i64::try_from(dropped).unwrap_or(i64::MAX))
                .execute(unit.connection().await?)
                .await?;
        }
        Ok(())
    }
}

/// What was given up has come about by itself: the letter about it is settled, if one is open.
#[derive(Debug, Clone)]
pub struct Recover {
    /// What kind of thing it is.
    pub kind: LetterKind,
    /// Which one.
    pub about: String,
    /// The time.
    pub at: Timestamp,
}

impl Recover {
    /// Almost always there is none, so it is only gathered.
    pub(super) fn apply(&self, unit: &mut Unit<'_>) {
        unit.gather(Expected::Anything, |sql| {
            sql.push("update dead_letters set state = 'recovered', settled_at = ").bind(self.at.millis());
            sql.push(" where kind = ").bind(self.kind.as_str()).push(" and about = ").bind(&self.about);
            sql.push(" and state = 'open'");
        });
    }
}

/// Settles a letter that is open, or else is refused: [`Conflict::LetterSettled`]. What is done about it is in the
/// same unit, so it is done once.
#[derive(Debug, Clone)]
pub struct SettleLetter {
    /// Which.
    pub id: i64,
    /// [`LetterState::Retried`] or [`LetterState::Discarded`].
    pub state: LetterState,
    /// The time.
    pub at: Timestamp,
}

impl SettleLetter {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let settled =
            sqlx::query("update dead_letters set state = $1, settled_at = $2 where id = $3 and state = 'open'")
                .bind(self.state.as_str())
                .bind(self.at.millis())
                .bind(self.id)
                .execute(unit.connection().await?)
                .await?;
        match settled.rows_affected() {
            0 => Err(Conflict::LetterSettled { id: self.id }.into()),
            _ => Ok(()),
        }
    }
}

/// Has a delivery acted on again that failed; one that is not there, or has not failed, stays as it is.
#[derive(Debug, Clone)]
pub struct RepeatDelivery {
    /// Which.
    pub id: DeliveryId,
    /// The priority of the work; lower goes first.
    pub priority: i64,
    /// The time; the work is due at once.
    pub at: Timestamp,
}

impl RepeatDelivery {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let pending = sqlx::query("update deliveries set status = 'pending' where id = $1 and status = 'failed'")
            .bind(self.id.to_string())
            .execute(unit.connection().await?)
            .await?;
        if pending.rows_affected() > 0 {
            let task = Task::Delivery { delivery: self.id };
            work::apply(unit, &[WorkChange::Put { task, priority: self.priority, due: self.at, lease: None }]);
        }
        Ok(())
    }
}
