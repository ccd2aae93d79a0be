//! Putting work, ending it, and proving that one holds it.

use kiket_core::{ItemId, RunId, Timestamp};
use sqlx::QueryBuilder;

use crate::sqlite::Database;
use crate::unit::{ROWS_PER_INSERT, Unit};
use crate::{CommitError, Conflict, Held, Lease, Task, WorkKey};

/// A change to the work that waits. Within one change rows are ended first and put afterwards, in whatever
/// order they are listed.
#[derive(Debug, Clone)]
pub enum WorkChange {
    /// Adds a row. Its fence is 1 if it comes with a lease, else 0.
    ///
    /// If the task has a row, that row gets the new priority and due time, whoever held it loses it, and the
    /// fence goes on from where it was: this is how work is put off until later. (Ending it and adding it
    /// in two units would start the fence anew, and an old holder could pass for the new one.)
    Put {
        /// What to do.
        task: Task,
        /// Lower goes first.
        priority: i64,
        /// Not before this time.
        due: Timestamp,
        /// Who gets it at once, without a claim.
        lease: Option<Lease>,
    },
    /// Ends a row; one that is gone already is fine.
    Done(WorkKey),
    /// Ends every row of a run. Work on the item that waits for it is not the run's.
    DoneForRun(RunId),
}

/// A change to work and to nothing else: putting it back, putting it off, finding there was nothing to do.
#[derive(Debug, Clone)]
pub struct WorkUpdate {
    /// The hold under which it happens, if any.
    pub held: Option<Held>,
    /// What changes.
    pub work: Vec<WorkChange>,
}

impl WorkUpdate {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let ended = prove(unit, self.held.as_ref(), &self.work).await?;
        apply_except(unit, &self.work, ended).await
    }
}

/// Checks the hold. Where the changes end the very row that is held, the usual case, that is done in the same
/// statement: its index among the changes is answered.
pub(super) async fn prove(
    unit: &mut Unit<'_>,
    held: Option<&Held>,
    changes: &[WorkChange],
) -> Result<Option<usize>, CommitError> {
    let Some(held) = held else { return Ok(None) };
    let ended = changes.iter().position(|change| matches!(change, WorkChange::Done(key) if *key == held.key));
    if ended.is_some() && !puts(changes).any(|key| key == held.key) {
        finish(unit, held).await?;
        return Ok(ended);
    }
    check(unit, held).await?;
    Ok(None)
}

/// Ends a row that must be held.
pub(super) async fn finish(unit: &mut Unit<'_>, held: &Held) -> Result<(), CommitError> {
    let deleted = sqlx::query("delete from work where key = $1 and fence = $2 and owner is not null")
        .bind(held.key.as_str())
        .bind(held.fence)
        .execute(&mut *unit.connection)
        .await?;
    match deleted.rows_affected() {
        0 => Err(Conflict::FenceLost { key: held.key.clone() }.into()),
        _ => Ok(()),
    }
}

/// Checks that a row is held.
pub(super) async fn check(unit: &mut Unit<'_>, held: &Held) -> Result<(), CommitError> {
    let found = sqlx::query("select 1 from work where key = $1 and fence = $2 and owner is not null")
        .bind(held.key.as_str())
        .bind(held.fence)
        .fetch_optional(&mut *unit.connection)
        .await?;
    found.map(|_| ()).ok_or_else(|| Conflict::FenceLost { key: held.key.clone() }.into())
}

/// Ends every row of a run.
pub(super) async fn clear(unit: &mut Unit<'_>, run: RunId) -> Result<(), CommitError> {
    sqlx::query("delete from work where run = $1").bind(run.to_string()).execute(&mut *unit.connection).await?;
    Ok(())
}

/// Ends the work on the run that an item has waited for, unless it goes on waiting for it.
pub(super) async fn clear_wait(unit: &mut Unit<'_>, item: ItemId, waits: Option<RunId>) -> Result<(), CommitError> {
    sqlx::query(
        "delete from work where key = (select 'item/' || id || '/' || pending_run from items
                                       where id = $1 and pending_run is distinct from $2)",
    )
    .bind(item.to_string())
    .bind(waits.map(|run| run.to_string()))
    .execute(&mut *unit.connection)
    .await?;
    Ok(())
}

/// Applies all changes.
pub(super) async fn apply(unit: &mut Unit<'_>, changes: &[WorkChange]) -> Result<(), CommitError> {
    apply_except(unit, changes, None).await
}

/// Applies all changes but the one that [`prove`] has already applied.
pub(super) async fn apply_except(
    unit: &mut Unit<'_>,
    changes: &[WorkChange],
    applied: Option<usize>,
) -> Result<(), CommitError> {
    end(unit, changes, applied).await?;
    put(unit, changes).await
}

fn puts(changes: &[WorkChange]) -> impl Iterator<Item = WorkKey> {
    changes.iter().filter_map(|change| match change {
        WorkChange::Put { task, .. } => Some(task.key()),
        WorkChange::Done(_) | WorkChange::DoneForRun(_) => None,
    })
}

/// Ends what is to end, except what is put again: that row stays, for the sake of its fence.
async fn end(unit: &mut Unit<'_>, changes: &[WorkChange], applied: Option<usize>) -> Result<(), CommitError> {
    let kept: Vec<WorkKey> = puts(changes).collect();
    for (index, change) in changes.iter().enumerate() {
        let mut delete = QueryBuilder::<Database>::new("delete from work where ");
        match change {
            WorkChange::Done(_) if applied == Some(index) => continue,
            WorkChange::Done(key) if kept.contains(key) => continue,
            WorkChange::Done(key) => delete.push("key = ").push_bind(key.as_str()),
            WorkChange::DoneForRun(run) => delete.push("run = ").push_bind(run.to_string()),
            WorkChange::Put { .. } => continue,
        };
        if matches!(change, WorkChange::DoneForRun(_)) && !kept.is_empty() {
            let mut keys = delete.push(" and key not in (").separated(", ");
            kept.iter().for_each(|key| _ = keys.push_bind(key.as_str()));
            delete.push(")");
        }
        delete.build().execute(&mut *unit.connection).await?;
    }
    Ok(())
}

async fn put(unit: &mut Unit<'_>, changes: &[WorkChange]) -> Result<(), CommitError> {
    let epoch = unit.epoch;
    let rows: Vec<_> = changes
        .iter()
        .filter_map(|change| match change {
            WorkChange::Put { task, priority, due, lease } => Some((task, *priority, *due, lease.as_ref())),
            WorkChange::Done(_) | WorkChange::DoneForRun(_) => None,
        })
        .collect();
    for rows in rows.chunks(ROWS_PER_INSERT) {
        let mut insert = QueryBuilder::<Database>::new(
            "insert into work (key, kind, run, priority, due, fence, owner, lease_until, epoch) ",
        );
        insert.push_values(rows, |mut row, (task, priority, due, lease)| {
            unit.readied |= lease.is_none();
            row.push_bind(task.to_string())
                .push_bind(task.kind().as_str())
                .push_bind(task.run().map(|run| run.to_string()))
                .push_bind(*priority)
                .push_bind(due.millis())
                .push_bind(i64::from(lease.is_some()))
                .push_bind(lease.map(|lease| lease.owner.clone()))
                .push_bind(lease.map(|lease| lease.until.millis()))
                .push_bind(lease.map(|_| epoch));
        });
        insert.push(
            " on conflict (key) do update set priority = excluded.priority, due = excluded.due,
             fence = work.fence + excluded.fence, owner = excluded.owner, lease_until = excluded.lease_until,
             epoch = excluded.epoch",
        );
        insert.build().execute(&mut *unit.connection).await?;
    }
    Ok(())
}
