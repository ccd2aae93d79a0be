//! Putting work, ending it, and proving that one holds it.

use kiket_core::planted::{Bug, planted};
use kiket_core::{ItemId, RunId, Timestamp};

use crate::script::{Expected, Otherwise, Sql, values};
use crate::unit::{ROWS_PER_INSERT, Unit};
use crate::{Held, Lease, Task, WorkKey};

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
    pub(super) fn apply(&self, unit: &mut Unit<'_>) {
        let ended = prove(unit, self.held.as_ref(), &self.work);
        apply_except(unit, &self.work, ended);
    }
}

/// Checks the hold. Where the changes end the very row that is held, the usual case, that is done in the same
/// statement: its index among the changes is answered.
pub(super) fn prove(unit: &mut Unit<'_>, held: Option<&Held>, changes: &[WorkChange]) -> Option<usize> {
    let held = held?;
    let ended = changes.iter().position(|change| matches!(change, WorkChange::Done(key) if *key == held.key));
    if ended.is_some() && !puts(changes).any(|key| key == held.key) {
        finish(unit, held);
        return ended;
    }
    check(unit, held);
    None
}

/// Ends a row that must be held.
pub(super) fn finish(unit: &mut Unit<'_>, held: &Held) {
    unit.gather(Expected::Change(Otherwise::FenceLost(held.key.clone())), |sql| {
        is_held(sql.push("delete from work"), held);
    });
}

/// Checks that a row is held.
pub(super) fn check(unit: &mut Unit<'_>, held: &Held) {
    unit.gather(Expected::Row(Otherwise::FenceLost(held.key.clone())), |sql| {
        is_held(sql.push("select 1 from work"), held);
    });
}

/// The row, if it is held under this fence.
fn is_held(sql: &mut Sql, held: &Held) {
    sql.push(" where key = ").bind(held.key.as_str());
    if !planted(Bug::FenceNotChecked) {
        sql.push(" and fence = ").bind(held.fence).push(" and owner is not null");
    }
}

/// Ends every row of a run.
pub(super) fn clear(unit: &mut Unit<'_>, run: RunId) {
    unit.gather(Expected::Anything, |sql| _ = sql.push("delete from work where run = ").bind(run.to_string()));
}

/// Ends the work on the run that an item has waited for, unless it goes on waiting for it.
pub(super) fn clear_wait(unit: &mut Unit<'_>, item: ItemId, waits: Option<RunId>) {
    unit.gather(Expected::Anything, |sql| {
        sql.push("delete from work where key = (select 'item/' || id || '/' || pending_run from items where id = ");
        sql.bind(item.to_string()).push(" and pending_run is distinct from ");
        sql.bind(waits.map(|run| run.to_string())).push(")");
    });
}

/// Applies all changes.
pub(super) fn apply(unit: &mut Unit<'_>, changes: &[WorkChange]) {
    apply_except(unit, changes, None);
}

/// Applies all changes but the one that [`prove`] has already applied.
pub(super) fn apply_except(unit: &mut Unit<'_>, changes: &[WorkChange], applied: Option<usize>) {
    end(unit, changes, applied);
    put(unit, changes);
}

fn puts(changes: &[WorkChange]) -> impl Iterator<Item = WorkKey> {
    changes.iter().filter_map(|change| match change {
        WorkChange::Put { task, .. } => Some(task.key()),
        WorkChange::Done(_) | WorkChange::DoneForRun(_) => None,
    })
}

/// Ends what is to end, except what is put again: that row stays, for the sake of its fence.
fn end(unit: &mut Unit<'_>, changes: &[WorkChange], applied: Option<usize>) {
    let kept: Vec<WorkKey> = puts(changes).collect();
    for (index, change) in changes.iter().enumerate() {
        match change {
            WorkChange::Done(key) if applied != Some(index) && !kept.contains(key) => {
                unit.gather(Expected::Anything, |sql| {
                    sql.push("delete from work where key = ").bind(key.as_str());
                });
            }
            WorkChange::DoneForRun(run) => unit.gather(Expected::Anything, |sql| {
                sql.push("delete from work where run = ").bind(run.to_string());
                if !kept.is_empty() {
                    sql.push(" and key not in ").list(kept.iter().map(|key| key.as_str().into()).collect());
                }
            }),
            WorkChange::Done(_) | WorkChange::Put { .. } => {}
        }
    }
}

fn put(unit: &mut Unit<'_>, changes: &[WorkChange]) {
    let epoch = unit.epoch;
    let rows: Vec<_> = changes
        .iter()
        .filter_map(|change| match change {
            WorkChange::Put { task, priority, due, lease } => Some((task, *priority, *due, lease.as_ref())),
            WorkChange::Done(_) | WorkChange::DoneForRun(_) => None,
        })
        .collect();
    unit.readied |= rows.iter().any(|(.., lease)| lease.is_none());
    for rows in rows.chunks(ROWS_PER_INSERT) {
        unit.gather(Expected::Anything, |insert| {
            insert.push("insert into work (key, kind, run, priority, due, fence, owner, lease_until, epoch)");
            insert.rows(rows.iter().map(|(task, priority, due, lease)| {
                values![
                    task.to_string(),
                    task.kind().as_str(),
                    task.run().map(|run| run.to_string()),
                    *priority,
                    due.millis(),
                    i64::from(lease.is_some()),
                    lease.map(|lease| lease.owner.as_str()),
                    lease.map(|lease| lease.until.millis()),
                    lease.map(|_| epoch),
                ]
            }));
            insert.push(
                " on conflict (key) do update set priority = excluded.priority, due = excluded.due,
                 fence = work.fence + excluded.fence, owner = excluded.owner, lease_until = excluded.lease_until,
                 epoch = excluded.epoch",
            );
        });
    }
}
