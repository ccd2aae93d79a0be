//! Claiming work and keeping it.
//!
//! Invariant: a claim gives a row to one worker; the row's fence is higher than it ever was.

use std::time::Duration;

use kiket_core::planted::{Bug, planted};
use sqlx::QueryBuilder;

use crate::request::Renewal;
use crate::sqlite::Database;
use crate::text::{Columns as _, parse};
use crate::unit::Unit;
use crate::work::TaskKind;
use crate::{Claim, StoreError, Work};

/// Keys in one statement of a renewal.
const KEYS_PER_UPDATE: usize = 256;

/// Takes up to `limit` due rows that nobody holds, most urgent first.
///
/// Leases that ended are void first; so the index of claimable rows is all that has to be searched.
pub(crate) async fn claim(unit: &mut Unit<'_>, claim: &Claim) -> Result<Vec<Work>, StoreError> {
    let epoch = unit.epoch;
    let now = if planted(Bug::TimerEarly) { claim.now.after(Duration::from_millis(500)) } else { claim.now };
    let connection = unit.settled().await?;
    sqlx::query("update work set owner = null, lease_until = null, epoch = null where lease_until <= $1")
        .bind(claim.now.millis())
        .execute(&mut *connection)
        .await?;

    let mut update = QueryBuilder::<Database>::new("update work set fence = fence + 1, owner = ");
    update.push_bind(&claim.owner).push(", lease_until = ").push_bind(claim.until.millis());
    update.push(", epoch = ").push_bind(epoch);
    update.push(" where key in (select key from work where owner is null and due <= ").push_bind(now.millis());
    if planted(Bug::TimerForgotten) {
        update.push(" and due > ").push_bind(now.millis().saturating_sub(60_000));
    }
    push_kinds(&mut update, &claim.kinds);
    update.push(" order by priority, due, key limit ").push_bind(i64::from(claim.limit));
    update.push(") returning key, priority, due, fence");

    let rows = update.build().fetch_all(connection).await?;
    let mut work = rows
        .iter()
        .map(|row| {
            Ok(Work {
                task: parse("key", &row.text("key")?)?,
                priority: row.number("priority")?,
                due: row.time("due")?,
                fence: row.number("fence")?,
            })
        })
        .collect::<Result<Vec<Work>, StoreError>>()?;
    // The order of returned rows is not defined.
    work.sort_by_key(|work| (work.priority, work.due, work.task.key()));
    Ok(work)
}

/// Moves the end of those leases of `owner` that are named; answers how many it still has.
pub(crate) async fn renew(unit: &mut Unit<'_>, renewal: &Renewal) -> Result<u64, StoreError> {
    let connection = unit.settled().await?;
    let mut renewed = 0;
    for keys in renewal.keys.chunks(KEYS_PER_UPDATE) {
        let mut update = QueryBuilder::<Database>::new("update work set lease_until = ");
        update.push_bind(renewal.until.millis()).push(" where owner = ").push_bind(&renewal.owner);
        let mut names = update.push(" and key in (").separated(", ");
        for key in keys {
            names.push_bind(key.as_str());
        }
        update.push(")");
        renewed += update.build().execute(&mut *connection).await?.rows_affected();
    }
    Ok(renewed)
}

/// Narrows a query to some kinds of work; none named means all.
pub(crate) fn push_kinds(query: &mut QueryBuilder<Database>, kinds: &[TaskKind]) {
    if kinds.is_empty() {
        return;
    }
    let mut words = query.push(" and kind in (").separated(", ");
    for kind in kinds {
        words.push_bind(kind.as_str());
    }
    query.push(")");
}
