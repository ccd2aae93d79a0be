//! Checks: is anything forgotten, is anything inconsistent?

use kiket_core::{DeliveryId, ItemId, ProjectId, RunId};

use super::flaws;
use crate::text::{Columns as _, parse};
use crate::{Store, StoreError, WorkKey, sqlite};

/// Something nothing will ever happen to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stuck {
    /// An open run without any work.
    Run(RunId),
    /// A pending delivery without work.
    Delivery(DeliveryId),
    /// An item that waits for a run which has ended, without the work that ends the wait.
    Item(ItemId),
    /// A project that is to be looked at now and then, without its timer.
    Project(ProjectId),
    /// A schedule without the row of work that is named so.
    Schedule(WorkKey),
    /// Work that is about nothing: its run has ended, its delivery is settled, its item does not wait for its run, its
    /// project is not looked at, or its schedule is not in force.
    Work(WorkKey),
}

impl std::fmt::Display for Stuck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run(run) => run.fmt(f),
            Self::Delivery(delivery) => delivery.fmt(f),
            Self::Item(item) => item.fmt(f),
            Self::Project(project) => project.fmt(f),
            Self::Schedule(key) | Self::Work(key) => key.fmt(f),
        }
    }
}

impl Store {
    /// Looks for what is stuck: open runs, pending deliveries, items whose run has ended, projects with a timer and
    /// schedules, without a row of work; and work without them. Finds nothing at any time, unless there is a defect.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn stuck(&self) -> Result<Vec<Stuck>, StoreError> {
        stuck(&mut *self.reader().await?).await
    }

    /// Checks the file and the agreement of the log with its projections. Answers what is wrong, one sentence each:
    /// empty is good. Reads everything, so it takes its time.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn integrity(&self) -> Result<Vec<String>, StoreError> {
        let flaws = flaws::find(&mut *self.reader().await?).await?;
        Ok(flaws.into_iter().map(|flaw| flaw.found).collect())
    }
}

/// The one statement of [`Store::stuck`].
pub(super) async fn stuck(reader: &mut sqlite::Connection) -> Result<Vec<Stuck>, StoreError> {
    let rows = sqlx::query(
        "select 'run' as what, id as name from runs
         where terminal = 0 and not exists (select 1 from work where work.run = runs.id)
         union all
         select 'delivery', id from deliveries
         where status = 'pending' and not exists (select 1 from work where key = 'delivery/' || deliveries.id)
         union all
         select 'item', id from items
         where pending_run is not null
             and not exists (select 1 from runs where runs.id = items.pending_run and terminal = 0)
             and not exists (select 1 from work where key = 'item/' || items.id || '/' || items.pending_run)
         union all
         select 'work', key from work join runs on runs.id = work.run where runs.terminal = 1
         union all
         select 'work', key from work
         where kind = 'delivery' and not exists
             (select 1 from deliveries where 'delivery/' || deliveries.id = work.key and status = 'pending')
         union all
         select 'work', key from work
         where kind = 'item' and not exists
             (select 1 from items
              where pending_run is not null and 'item/' || items.id || '/' || pending_run = work.key)
         union all
         select 'project', id from projects
         where sync_every is not null and not exists (select 1 from work where key = 'sync/' || projects.id)
         union all
         select 'work', key from work
         where kind = 'status' and not exists (select 1 from runs where id = substr(key, length('status/') + 1))
         union all
         select 'work', key from work
         where kind = 'sync' and not exists
             (select 1 from projects where 'sync/' || projects.id = work.key and sync_every is not null)
         union all
         select 'schedule', 'tick/' || project || '/' || pipeline || '/' || schedule from schedules
         where not exists
             (select 1 from work where key = 'tick/' || project || '/' || pipeline || '/' || schedule)
         union all
         select 'work', key from work
         where kind = 'tick' and not exists
             (select 1 from schedules where 'tick/' || project || '/' || pipeline || '/' || schedule = work.key)",
    )
    .fetch_all(reader)
    .await?;
    rows.iter()
        .map(|row| {
            let name = row.text("name")?;
            Ok(match row.text("what")?.as_str() {
                "run" => Stuck::Run(parse("id", &name)?),
                "delivery" => Stuck::Delivery(parse("id", &name)?),
                "item" => Stuck::Item(parse("id", &name)?),
                "project" => Stuck::Project(parse("id", &name)?),
                "schedule" => Stuck::Schedule(WorkKey(name)),
                _ => Stuck::Work(WorkKey(name)),
            })
        })
        .collect()
}
