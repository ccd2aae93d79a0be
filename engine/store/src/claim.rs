//! Claiming work and keeping it.
//!
//! Invariant: a claim gives a row to one worker; the row's fence is higher than it ever was.

use kiket_core::Timestamp;
use sqlx::QueryBuilder;

use crate::sqlite::{Connection, Database};
use crate::text::{Columns as _, parse};
use crate::work::TaskKind;
use crate::{Claim, StoreError, Work};

/// Takes up to `limit` due rows that nobody holds, most urgent first.
///
/// Leases that ended are void first; so the index of claimable rows is all that has to be searched.
pub(crate) async fn claim(connection: &mut Connection, epoch: i64, claim: &Claim) -> Result<Vec<Work>, StoreError> {
    sqlx::query("update work set owner = null, lease_until = null, epoch = null where lease_until <= $1")
        .bind(claim.now.millis())
        .execute(&mut *connection)
        .await?;

    let mut update = QueryBuilder::<Database>::new("update work set fence = fence + 1, owner = ");
    update.push_bind(&claim.owner).push(", lease_until = ").push_bind(claim.until.millis());
    update.push(", epoch = ").push_bind(epoch);
    update.push(" where key in (select key from work where owner is null and due <= ").push_bind(claim.now.millis());
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

/// Moves the end of every lease of `owner`; answers how many there are.
pub(crate) async fn renew(connection: &mut Connection, owner: &str, until: Timestamp) -> Result<u64, StoreError> {
    let renewed = sqlx::query("update work set lease_until = $1 where lease_until is not null and owner = $2")
        .bind(until.millis())
        .bind(owner)
        .execute(connection)
        .await?;
    Ok(renewed.rows_affected())
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
