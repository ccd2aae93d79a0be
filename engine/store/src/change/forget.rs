//! Forgetting what is old. A unit names what it forgets, and little of it: others wait for the writer.
//!
//! Invariants: a run goes whole, but for its records, which may go before it; no run goes that has not ended, and none
//! that anything still needs, which is asked in the very unit; what is counted as forgotten is not in the log, and what
//! is in the log is not counted, so both together are the head.

use kiket_core::planted::{Bug, planted};
use kiket_core::{DeliveryId, RevisionId, RunId, Timestamp, TokenId};
use sqlx::QueryBuilder;

use crate::CommitError;
use crate::sqlite::Database;
use crate::text::Columns as _;
use crate::unit::Unit;

/// That nothing is decided by a revision, or was.
macro_rules! unused {
    () => {
        " not exists (select 1 from runs where runs.revision = revisions.id)
          and not exists (select 1 from items where items.revision = revisions.id)
          and not exists (select 1 from projects where active_revision = revisions.id)"
    };
}
pub(crate) use unused;

/// What a unit forgets. What is no longer as it was when this was put together is left alone.
#[derive(Debug, Clone)]
pub struct Forget(pub(crate) What);

#[derive(Debug, Clone)]
pub(crate) enum What {
    /// Runs with everything that is theirs; those that ended before this time.
    Runs(Vec<RunId>, Timestamp),
    /// Records of such a run up to a position.
    Records(RunId, i64, Timestamp),
    /// Entries that belong to a project alone, and their positions.
    Entries(Vec<i64>),
    Deliveries(Vec<DeliveryId>),
    /// With their files, and texts that no other revision has.
    Revisions(Vec<RevisionId>),
    Tokens(Vec<TokenId>),
    /// Letters that are settled.
    Letters(Vec<i64>),
    /// Switches that are not the newest of their apps, by their positions.
    Switches(Vec<i64>),
    /// Releases that no switch names and that are not live.
    Releases(Vec<String>),
    /// Everything in the book of privileged acts up to this one.
    Audit(i64),
    /// Nothing; gives so many free pages back to the system.
    Pages(u32),
}

/// Adds whether a run may go that ended before a time: it has ended, no item waits for it, no forge is still to be told
/// of it, no open letter is about it, and nothing it made is live or would be after one step back.
pub(crate) fn push_goes(query: &mut QueryBuilder<Database>, before: Timestamp) {
    let ended = "terminal = 1 and finished_at < ";
    query.push(if planted(Bug::OpenRunDeleted) { "coalesce(finished_at, created_at) < " } else { ended });
    query.push_bind(before.millis()).push(
        " and not exists (select 1 from items where pending_run = runs.id)
          and not exists (select 1 from work where key = 'status/' || runs.id)
          and not exists (select 1 from dead_letters where dead_letters.run = runs.id and dead_letters.state = 'open')
          and not exists (
              select 1 from live_releases as live join releases on releases.id = live.release or releases.id =
                  (select previous from activations as last where last.project = live.project and last.app = live.app
                   order by position desc limit 1)
              where live.project = runs.project and (releases.run = runs.id or releases.artifact in
                  (select digest from artifacts where artifacts.run = runs.id)))",
    );
}

/// Adds `column in (…)`.
pub(crate) fn push_in<T: ToString>(query: &mut QueryBuilder<Database>, column: &'static str, values: &[T]) {
    let mut list = query.push(column).push(" in (").separated(", ");
    for value in values {
        list.push_bind(value.to_string());
    }
    query.push(")");
}

/// Adds `column in (…)` of numbers.
fn push_in_numbers(query: &mut QueryBuilder<Database>, column: &'static str, values: &[i64]) {
    let mut list = query.push(column).push(" in (").separated(", ");
    for value in values {
        list.push_bind(*value);
    }
    query.push(")");
}

/// Runs a statement that ends in `column in (…)`; answers how many rows it changed.
async fn each<T: ToString>(
    unit: &mut Unit<'_>,
    statement: &'static str,
    column: &'static str,
    values: &[T],
) -> Result<u64, CommitError> {
    let mut query = QueryBuilder::<Database>::new(statement);
    push_in(&mut query, column, values);
    Ok(query.build().execute(unit.connection().await?).await?.rows_affected())
}

async fn each_number(
    unit: &mut Unit<'_>,
    statement: &'static str,
    column: &'static str,
    values: &[i64],
) -> Result<u64, CommitError> {
    let mut query = QueryBuilder::<Database>::new(statement);
    push_in_numbers(&mut query, column, values);
    Ok(query.build().execute(unit.connection().await?).await?.rows_affected())
}

impl Forget {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        match &self.0 {
            What::Runs(runs, before) => forget_runs(unit, runs, *before).await,
            What::Records(run, upto, before) => forget_records(unit, *run, *upto, *before).await,
            What::Entries(positions) => {
                let cut = "select project, max(position) as cut, count(*) as count from log where ";
                let mut query = QueryBuilder::<Database>::new(cut);
                push_in_numbers(&mut query, "position", positions);
                query.push(" and run is null and item is null group by project");
                cut_log(unit, query).await?;
                let gone = "delete from log where run is null and item is null and ";
                each_number(unit, gone, "position", positions).await.map(drop)
            }
            What::Deliveries(ids) => {
                let gone = "delete from deliveries where status <> 'pending' and not exists (select 1 from dead_letters
                    where kind = 'delivery' and about = deliveries.id and state = 'open') and ";
                each(unit, gone, "id", ids).await.map(drop)
            }
            What::Revisions(ids) => forget_revisions(unit, ids).await,
            What::Tokens(ids) => each(unit, "delete from tokens where ", "id", ids).await.map(drop),
            What::Letters(ids) => {
                each_number(unit, "delete from dead_letters where state <> 'open' and ", "id", ids).await.map(drop)
            }
            What::Switches(positions) => {
                each_number(unit, "delete from activations where ", "position", positions).await.map(drop)
            }
            What::Releases(ids) => {
                let gone = "delete from releases where not exists
                    (select 1 from live_releases as live where live.release = releases.id)
                    and not exists (select 1 from activations where release = releases.id or previous = releases.id)
                    and ";
                each(unit, gone, "id", ids).await.map(drop)
            }
            What::Audit(upto) => {
                let gone = sqlx::query("delete from audit where id <= $1").bind(upto);
                gone.execute(unit.connection().await?).await?;
                Ok(())
            }
            What::Pages(count) => {
                let free = sqlx::AssertSqlSafe(format!("pragma incremental_vacuum({count})"));
                sqlx::query(free).fetch_all(unit.connection().await?).await?;
                Ok(())
            }
        }
    }
}

/// Counts what a query finds of the log as forgotten and moves the cuts of the projects. It finds `project`, `cut` and
/// `count`.
async fn cut_log(unit: &mut Unit<'_>, mut query: QueryBuilder<Database>) -> Result<(), CommitError> {
    for row in query.build().fetch_all(unit.connection().await?).await? {
        sqlx::query("update projects set cut = max(cut, $1) where id = $2")
            .bind(row.number("cut")?)
            .bind(row.text("project")?)
            .execute(unit.connection().await?)
            .await?;
        sqlx::query("update counter set forgotten = forgotten + $1 where id = 1")
            .bind(row.number("count")?)
            .execute(unit.connection().await?)
            .await?;
    }
    Ok(())
}

async fn forget_runs(unit: &mut Unit<'_>, runs: &[RunId], before: Timestamp) -> Result<(), CommitError> {
    let mut query = QueryBuilder::<Database>::new("select id from runs where ");
    push_in(&mut query, "id", runs);
    push_goes(query.push(" and "), before);
    let found = query.build().fetch_all(unit.connection().await?).await?;
    let runs = found.iter().map(|row| row.text("id")).collect::<Result<Vec<String>, _>>()?;
    if runs.is_empty() {
        return Ok(());
    }
    let mut query =
        QueryBuilder::<Database>::new("select project, max(position) as cut, count(*) as count from log where ");
    push_in(&mut query, "run", &runs);
    query.push(" group by project");
    cut_log(unit, query).await?;
    // A run that has ended has neither work nor effects: should it have any, they are its own.
    for gone in [
        "delete from log where ",
        "delete from work where ",
        "delete from effects where ",
        "delete from artifacts where ",
        "delete from forgetting where ",
        "update releases set run = null, stage = null where ",
        "update activations set run = null, stage = null where ",
    ] {
        each(unit, gone, "run", &runs).await?;
    }
    each(unit, "delete from runs where ", "id", &runs).await.map(drop)
}

async fn forget_records(unit: &mut Unit<'_>, run: RunId, upto: i64, before: Timestamp) -> Result<(), CommitError> {
    let mut query = QueryBuilder::<Database>::new("insert into forgetting (run) select id from runs where id = ");
    query.push_bind(run.to_string());
    push_goes(query.push(" and "), before);
    query.push(" on conflict (run) do update set run = excluded.run");
    if query.build().execute(unit.connection().await?).await?.rows_affected() == 0 {
        return Ok(());
    }
    let mut query =
        QueryBuilder::<Database>::new("select project, max(position) as cut, count(*) as count from log where run = ");
    query.push_bind(run.to_string()).push(" and seq is null and position <= ").push_bind(upto);
    query.push(" group by project");
    cut_log(unit, query).await?;
    sqlx::query("delete from log where run = $1 and seq is null and position <= $2")
        .bind(run.to_string())
        .bind(upto)
        .execute(unit.connection().await?)
        .await?;
    Ok(())
}

async fn forget_revisions(unit: &mut Unit<'_>, ids: &[RevisionId]) -> Result<(), CommitError> {
    let mut query = QueryBuilder::<Database>::new("select id from revisions where status <> 'active' and ");
    push_in(&mut query, "id", ids);
    query.push(concat!(" and ", unused!()));
    let found = query.build().fetch_all(unit.connection().await?).await?;
    let ids = found.iter().map(|row| row.text("id")).collect::<Result<Vec<String>, _>>()?;
    if ids.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::<Database>::new("select distinct digest from definitions where ");
    push_in(&mut query, "revision", &ids);
    let rows = query.build().fetch_all(unit.connection().await?).await?;
    let digests = rows.iter().map(|row| row.text("digest")).collect::<Result<Vec<String>, _>>()?;
    each(unit, "delete from definitions where ", "revision", &ids).await?;
    each(unit, "delete from revisions where ", "id", &ids).await?;
    let gone = "delete from blobs where not exists
        (select 1 from definitions where definitions.digest = blobs.digest) and ";
    for digests in digests.chunks(500) {
        each(unit, gone, "digest", digests).await?;
    }
    Ok(())
}
