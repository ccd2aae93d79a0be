//! `on.schedule`: starting runs when their times come.
//!
//! Each schedule in force has a row of work as its timer. The unit that starts the run of a time sets the row to the
//! next one, under its fence; besides, a time is a cause that starts one run at most. So whatever is cut off, done
//! twice or done after the clock was set back, no time is lost and none is kept twice. After a restart the timers go on
//! where they are; what becomes of times that nobody was there for is for the schedule to say.

use std::sync::Arc;
use std::time::Duration;

use kiket_core::plan::Plan;
use kiket_core::planted::{Bug, planted};
use kiket_core::revision::Revision;
use kiket_core::run::{Queued, Trigger};
use kiket_core::schedule::{self, Schedule};
use kiket_core::{ProjectId, RevisionId, RunId, Timestamp};
use kiket_store::{
    Change, CommitError, Conflict, Held, NewSchedule, NoteTick, Project, ScheduleRow, SetSchedules, StoreError,
    TICK_PRIORITY, Task, TaskKind, Work, WorkChange, WorkUpdate,
};
use serde_json::Map;
use tokio_util::sync::CancellationToken;

use super::{Publisher, SyncFailure};
use crate::dispatch::{DispatchError, NewRun};
use crate::due::Due;
use crate::revisions::RevisionError;
use crate::{clock, env};

/// How many runs are started side by side.
const AT_ONCE: usize = 16;
/// Longer than starting a run takes.
const LEASE: Duration = Duration::from_secs(60);
/// How late a time may be noticed where the clock was set.
const LONGEST: Duration = Duration::from_secs(1);
/// How long a schedule whose definitions cannot be had is left alone.
const PAUSE: Duration = Duration::from_secs(60);

/// Starts what is due, until `shutdown`.
pub(crate) async fn start_in_time(publisher: Arc<Publisher>, owner: String, shutdown: CancellationToken) {
    let due = due(&publisher, &owner);
    tokio::select! {
        () = due.run(&publisher.ticks, |work| settle(Arc::clone(&publisher), work)) => {}
        () = shutdown.cancelled() => {}
    }
}

/// The loop over the times of schedules.
pub(super) fn due(publisher: &Publisher, owner: &str) -> Due {
    let (store, owner) = (publisher.store.clone(), format!("{owner}/ticks"));
    Due { store, owner, kind: TaskKind::Tick, at_once: AT_ONCE, lease: LEASE, longest: LONGEST }
}

/// Acts on a schedule whose time has come.
pub(super) async fn settle(publisher: Arc<Publisher>, work: Work) {
    let Task::Tick { project, pipeline, schedule } = &work.task else { return };
    loop {
        match publisher.tick(*project, pipeline, schedule, work.held()).await {
            // Whoever has the row in the meantime is right.
            Ok(()) | Err(SyncFailure::Commit(CommitError::Conflict(Conflict::FenceLost { .. }))) => return,
            // Another revision is in force: look again.
            Err(SyncFailure::Commit(CommitError::Conflict(_))) => {}
            Err(failure) => {
                // The row is found again when its lease has run out.
                tracing::error!(%project, pipeline, schedule, %failure, "a scheduled run cannot be started");
                return;
            }
        }
    }
}

/// A schedule whose time has come, with what it is a part of.
struct Tick<'t> {
    project: &'t Project,
    revision: RevisionId,
    plan: &'t Plan,
    schedule: &'t Schedule,
    held: Held,
}

impl Publisher {
    /// Returns what has to change so that the schedules in force are those of the revision: nothing, mostly.
    pub(super) async fn reschedule(
        &self,
        project: ProjectId,
        revision: &Revision,
    ) -> Result<Option<Change>, StoreError> {
        let named = |row: &ScheduleRow| (row.pipeline.clone(), row.schedule.clone());
        let mut known: Vec<_> = self.store.schedules(project).await?.iter().map(named).collect();
        // What has been is not made up for: a new schedule begins with its next time.
        let now = clock::now();
        let mut schedules = Vec::new();
        for plan in revision.pipelines() {
            schedules.extend(plan.on.schedules.iter().map(|schedule| NewSchedule {
                pipeline: plan.pipeline.clone(),
                schedule: schedule.to_string(),
                next: schedule.next(now).unwrap_or(Timestamp::NEVER),
            }));
        }
        let mut wanted: Vec<_> = schedules.iter().map(|new| (new.pipeline.clone(), new.schedule.clone())).collect();
        known.sort_unstable();
        wanted.sort_unstable();
        Ok((known != wanted).then_some(Change::SetSchedules(SetSchedules { project, schedules })))
    }

    async fn tick(&self, id: ProjectId, pipeline: &str, schedule: &str, held: Held) -> Result<(), SyncFailure> {
        let project = self.store.project(id).await?;
        let row = self.store.schedule(id, pipeline, schedule).await?;
        let (Some(project), Some(row)) = (project, row) else {
            let done = vec![WorkChange::Done(held.key.clone())];
            self.store.commit(vec![Change::Work(WorkUpdate { held: Some(held), work: done })]).await?;
            return Ok(());
        };
        let Some(active) = project.active_revision else { return self.put_off(id, pipeline, schedule, held).await };
        let revision = match self.revisions.get(active).await {
            Ok(revision) => revision,
            Err(RevisionError::Store(error)) => return Err(error.into()),
            Err(error) => {
                tracing::error!(project = %project.name, pipeline, schedule, %error, "a schedule has to wait");
                return self.put_off(id, pipeline, schedule, held).await;
            }
        };
        let plan = revision.pipeline(pipeline);
        let found = plan.and_then(|plan| {
            let found = plan.on.schedules.iter().find(|found| found.to_string() == schedule);
            found.map(|schedule| (plan, schedule))
        });
        let Some((plan, found)) = found else {
            tracing::error!(project = %project.name, pipeline, schedule, "a schedule in force is not in the definitions");
            return self.put_off(id, pipeline, schedule, held).await;
        };
        self.keep(Tick { project: &project, revision: active, plan, schedule: found, held }, row.next).await
    }

    /// Does what there is to do about the times that have come since `next`.
    async fn keep(&self, tick: Tick<'_>, next: Timestamp) -> Result<(), SyncFailure> {
        let Tick { project, plan, schedule, .. } = &tick;
        let now = clock::now();
        let Some(due) = schedule.due(next, now) else {
            // The clock was set back since the row was claimed.
            return self.put_off_until(project.id, &plan.pipeline, &schedule.to_string(), tick.held, next).await;
        };
        if let Some(from) = due.dropped {
            tracing::warn!(
                project = %project.name, pipeline = %plan.pipeline, %schedule, missed = schedule.missed.word(), %from,
                until = %due.run.unwrap_or(due.settled), most = schedule::CATCH_UP, "scheduled times were missed, and start no run"
            );
        }
        let new = match due.run {
            Some(nominal) => self.draft_tick(&tick, nominal).await?,
            None => None,
        };
        let note = |run: Option<RunId>| {
            Change::NoteTick(NoteTick {
                project: project.id,
                pipeline: plan.pipeline.clone(),
                schedule: schedule.to_string(),
                revision: tick.revision,
                settled: due.settled,
                run,
                next: due.next,
                held: tick.held.clone(),
            })
        };
        let mut unit = vec![note(new.as_ref().map(|new| new.queued.id))];
        if let Some(new) = &new {
            unit.push(Change::Run(self.dispatch.draft_start(new.clone()).await?.0));
        }
        match self.store.commit(unit).await {
            Ok(_) => {}
            // The schedule was taken out and put back, or the clock was set back: the time was kept already.
            Err(CommitError::Conflict(Conflict::DuplicateTrigger { run })) => {
                self.store.commit(vec![note(Some(run))]).await?;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        if let (Some(new), Some(nominal)) = (new, due.run) {
            let late = now.millis().saturating_sub(nominal.millis());
            self.metrics.tick(Duration::from_millis(late.unsigned_abs()));
            tracing::info!(project = %project.name, pipeline = %plan.pipeline, run.id = %new.queued.id, %nominal, late, "a schedule starts a run");
        }
        Ok(())
    }

    /// The run of a time; none where the pipeline needs what no schedule gives.
    async fn draft_tick(&self, tick: &Tick<'_>, nominal: Timestamp) -> Result<Option<NewRun>, SyncFailure> {
        let Tick { project, revision, plan, schedule, .. } = tick;
        let Ok(inputs) = plan.check_inputs(Map::new()) else {
            tracing::warn!(project = %project.name, pipeline = %plan.pipeline, "it has required inputs, and a schedule gives none");
            return Ok(None);
        };
        let row =
            self.store.revision(*revision).await?.ok_or(DispatchError::from(RevisionError::Unknown(*revision)))?;
        let (cron, timezone) = (schedule.cron().to_owned(), schedule.timezone.name().to_owned());
        let queued = Queued {
            id: RunId::new(clock::ulid()),
            project: project.name.clone(),
            pipeline: plan.pipeline.clone(),
            revision: *revision,
            commit: Some(row.commit),
            reference: row.reference,
            trigger: Trigger::Schedule { cron, timezone, nominal },
            actor: "schedule".to_owned(),
            inputs,
            item: None,
            stranger: false,
            env: env::values(&self.store, project.id).await?,
            stages: plan.stages().map(|stage| stage.id.as_str().into()).collect(),
            resumed_from: None,
        };
        let key = format!("schedule:{}:{schedule}:{nominal}", plan.pipeline);
        let trigger_key = if planted(Bug::TickTwice) { None } else { Some(key) };
        Ok(Some(NewRun { project: project.id, revision: *revision, queued, trigger_key }))
    }

    async fn put_off(&self, project: ProjectId, pipeline: &str, schedule: &str, held: Held) -> Result<(), SyncFailure> {
        self.put_off_until(project, pipeline, schedule, held, clock::now().after(PAUSE)).await
    }

    async fn put_off_until(
        &self,
        project: ProjectId,
        pipeline: &str,
        schedule: &str,
        held: Held,
        due: Timestamp,
    ) -> Result<(), SyncFailure> {
        let task = Task::Tick { project, pipeline: pipeline.to_owned(), schedule: schedule.to_owned() };
        let work = vec![WorkChange::Put { task, priority: TICK_PRIORITY, due, lease: None }];
        self.store.commit(vec![Change::Work(WorkUpdate { held: Some(held), work })]).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
