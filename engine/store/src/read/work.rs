//! When there will be work, and how much there is.

use kiket_core::Timestamp;
use sqlx::QueryBuilder;

use crate::claim::push_kinds;
use crate::sqlite::{Database, Row};
use crate::text::Columns as _;
use crate::{Store, StoreError, TaskKind};

/// The work of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// `stage`, `deadline` or `delivery`.
    pub kind: String,
    /// How much is due and held by nobody.
    pub waiting: u64,
    /// How much is held.
    pub held: u64,
    /// How much is due later.
    pub later: u64,
    /// Since when the oldest of what waits has been due.
    pub oldest: Option<Timestamp>,
}

impl Store {
    /// Reads how much work there is of each kind of which there is any. Takes time in proportion to all of it.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn queues(&self, now: Timestamp) -> Result<Vec<Queue>, StoreError> {
        let rows = sqlx::query(
            "select kind, count(case when owner is null and due <= $1 then 1 end) as waiting,
                    count(owner) as held, count(case when owner is null and due > $1 then 1 end) as later,
                    min(case when owner is null and due <= $1 then due end) as oldest
             from work group by kind order by kind",
        )
        .bind(now.millis())
        .fetch_all(&mut *self.reader().await?)
        .await?;
        let read = |row: &Row| {
            Ok(Queue {
                kind: row.text("kind")?,
                waiting: row.number("waiting")?.unsigned_abs(),
                held: row.number("held")?.unsigned_abs(),
                later: row.number("later")?.unsigned_abs(),
                oldest: row.optional_time("oldest")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Reads the earliest due time of work of these kinds (none named means all) that nobody holds; it may have
    /// passed. `None` when there is no such work. A worker may sleep until then, or until [`Store::readied`] changes.
    ///
    /// Work whose lease is running out does not count: a lease is renewed by its owner or ended by a claim.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn earliest_due(&self, kinds: &[TaskKind]) -> Result<Option<Timestamp>, StoreError> {
        let mut query = QueryBuilder::<Database>::new("select min(due) from work where owner is null");
        push_kinds(&mut query, kinds);
        let due: Option<i64> = query.build_query_scalar().fetch_one(&mut *self.reader().await?).await?;
        Ok(due.map(Timestamp::from_millis))
    }
}
