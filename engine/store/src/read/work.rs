//! When there will be work.

use kiket_core::Timestamp;
use sqlx::QueryBuilder;

use crate::claim::push_kinds;
use crate::sqlite::Database;
use crate::{Store, StoreError, TaskKind};

impl Store {
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
        let due: Option<i64> = query.build_query_scalar().fetch_one(self.readers()?).await?;
        Ok(due.map(Timestamp::from_millis))
    }
}
