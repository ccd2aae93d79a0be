//! Checks: is anything forgotten, is anything inconsistent?

use kiket_core::{DeliveryId, ItemId, ProjectId, RunId};

use super::value;
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
    /// Work that is about nothing: its run has ended, its delivery is settled, its item does not wait for its run, or
    /// its project is not looked at.
    Work(WorkKey),
}

impl Store {
    /// Looks for what is stuck: open runs, pending deliveries, items whose run has ended, and projects with a timer,
    /// without a row of work; and work without them. Finds nothing at any time, unless there is a defect.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn stuck(&self) -> Result<Vec<Stuck>, StoreError> {
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
             where kind = 'sync' and not exists
                 (select 1 from projects where 'sync/' || projects.id = work.key and sync_every is not null)",
        )
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter()
            .map(|row| {
                let name = row.text("name")?;
                Ok(match row.text("what")?.as_str() {
                    "run" => Stuck::Run(parse("id", &name)?),
                    "delivery" => Stuck::Delivery(parse("id", &name)?),
                    "item" => Stuck::Item(parse("id", &name)?),
                    "project" => Stuck::Project(parse("id", &name)?),
                    _ => Stuck::Work(WorkKey(name)),
                })
            })
            .collect()
    }

    /// Checks the file and the agreement of the log with its projections. Answers what is wrong, one sentence each:
    /// empty is good. Reads everything, so it takes its time.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn integrity(&self) -> Result<Vec<String>, StoreError> {
        let mut flaws = sqlite::check_file(&mut *self.reader().await?).await?;

        // Numbers that are all different, start at 1, end at `seq` and are as many as that: no gap.
        let streams = sqlx::query(
            "with streams (what, id, seq) as
                 (select 'run', id, seq from runs union all select 'item', id, seq from items),
             histories (id, count, first, last, rows) as
                 (select coalesce(run, item), count(distinct seq), min(seq), max(seq), count(seq)
                  from log where seq is not null group by coalesce(run, item))
             select what, streams.id, seq, coalesce(count, 0) as count
             from streams left join histories on histories.id = streams.id
             where seq <> coalesce(count, 0) or rows <> count or first <> 1 or last <> seq",
        )
        .fetch_all(&mut *self.reader().await?)
        .await?;
        for row in &streams {
            let (what, id) = (row.text("what")?, row.text("id")?);
            let (seq, count) = (row.number("seq")?, row.number("count")?);
            flaws.push(format!("{what} {id} is at event {seq} and has {count} events in the log"));
        }

        // What is live is what the newest switch made it, and there is no app without one.
        let apps = sqlx::query(
            "with newest (project, app, release) as
                 (select project, app, release from activations
                  where position = (select max(position) from activations as later
                                    where later.project = activations.project and later.app = activations.app))
             select coalesce(live.app, newest.app) as app from live_releases as live
             full join newest on newest.project = live.project and newest.app = live.app
             where live.release is distinct from newest.release",
        )
        .fetch_all(&mut *self.reader().await?)
        .await?;
        for row in &apps {
            flaws.push(format!("app {} is not at the release that was put live last", row.text("app")?));
        }

        let (head, last, count, forgotten): (i64, i64, i64, i64) = sqlx::query_as(
            "select position, (select coalesce(max(position), 0) from log), (select count(*) from log), forgotten
             from counter",
        )
        .fetch_one(&mut *self.reader().await?)
        .await?;
        if last > head || count + forgotten != head {
            flaws.push(format!(
                "the head is {head}, the last position {last}, the number of entries {count} and of those forgotten \
                 {forgotten}"
            ));
        }
        flaws.extend(value::miscounted(&mut *self.reader().await?).await?);
        Ok(flaws)
    }
}
