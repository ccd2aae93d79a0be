//! A unit: what one caller's list of changes sees of the writer's transaction.
//!
//! Invariant: positions are handed out here and nowhere else, one after the other; a unit that is rolled back gives
//! its positions back, so the log has no gaps.

use kiket_core::{RunId, Timestamp};
use sqlx::QueryBuilder;

use crate::change::NewEvent;
use crate::sqlite::{Connection, Database};
use crate::{CommitError, Seq};

/// Rows in one insert statement: enough to spare round trips, few enough that every length of statement stays
/// prepared.
pub(crate) const ROWS_PER_INSERT: usize = 16;

/// The transaction, as the changes of one unit see it.
pub(crate) struct Unit<'c> {
    pub(crate) connection: &'c mut Connection,
    /// The boot epoch that leases are given in.
    pub(crate) epoch: i64,
    /// The last position handed out.
    pub(crate) head: i64,
    /// Whether work was put that nobody holds.
    pub(crate) readied: bool,
}

/// Whose history something is appended to.
pub(crate) struct Origin {
    pub(crate) project: String,
    pub(crate) run: Option<RunId>,
    /// The last event before; `None` for what is not numbered.
    pub(crate) seq: Option<Seq>,
}

impl Unit<'_> {
    /// Appends to the log, at the next positions.
    pub(crate) async fn append(
        &mut self,
        origin: &Origin,
        at: Timestamp,
        events: Vec<NewEvent>,
    ) -> Result<(), CommitError> {
        let run = origin.run.map(|run| run.to_string());
        let mut seq = origin.seq.map(Seq::get);
        let mut events = events.into_iter().peekable();
        while events.peek().is_some() {
            let mut insert = QueryBuilder::<Database>::new(
                "insert into log (position, project, run, seq, kind, stage, at, data) ",
            );
            insert.push_values(events.by_ref().take(ROWS_PER_INSERT), |mut row, event| {
                self.head += 1;
                seq = seq.map(|seq| seq + 1);
                row.push_bind(self.head)
                    .push_bind(&origin.project)
                    .push_bind(run.as_deref())
                    .push_bind(seq)
                    .push_bind(event.kind.into_owned())
                    .push_bind(event.stage)
                    .push_bind(at.millis())
                    .push_bind(event.data);
            });
            insert.build().execute(&mut *self.connection).await?;
        }
        Ok(())
    }
}
