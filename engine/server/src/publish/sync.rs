//! One sync of one branch: mirror, sources, compile, one transaction.

use std::path::PathBuf;
use std::sync::Arc;

use kiket_core::diagnostic::Severity;
use kiket_core::revision::compile;
use kiket_core::{ProjectId, RevisionId, RunId};
use kiket_store::{
    Change, CommitError, Conflict, NoteSync, Project, SettleDelivery, Store, StoreError, SyncOutcome, SyncedCommit,
};
use kiket_sync::{CommitId, RemoteUrl, SyncError};
use tokio::sync::Notify;
use tracing::Instrument as _;

use super::GitSource;
use super::compiled::{new_revision, written};
use super::fetch::{Ask, Fetched, HEADS, Looked, fetch, short};
use super::start::{Cause, queue_runs};
use crate::dispatch::{Dispatch, DispatchError, NewRun};
use crate::forge::{PullRequest, Push};
use crate::metrics::Metrics;
use crate::mirrors;
use crate::plugins::Plugins;
use crate::revisions::Revisions;
use crate::turns::Turns;
use crate::{clock, env, telemetry};

/// Why a sync came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SyncFailure {
    /// There is no such project.
    #[error("there is no such project")]
    UnknownProject,
    /// The repository's address cannot be used.
    #[error("{0}")]
    Url(String),
    /// The delivered commit is not one.
    #[error("`{0}` is not a commit id")]
    Commit40(String),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] SyncError),
    /// A run could not be drafted.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// The unit was refused.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SyncFailure {
    /// Tells whether the same sync may succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Git(error) => error.may_pass(),
            Self::Store(_) | Self::Dispatch(DispatchError::Store(_)) => true,
            _ => false,
        }
    }
}

/// What a sync led to.
#[derive(Debug, Default)]
pub(crate) struct Synced {
    /// The revision of the commit; `None` where the branch has none yet.
    pub(crate) revision: Option<RevisionId>,
    /// The runs it started, with their pipelines.
    pub(crate) runs: Vec<(RunId, String)>,
}

/// What is published with: everything below the seam of the siblings.
pub(crate) struct Publisher {
    pub(crate) store: Store,
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) revisions: Arc<Revisions>,
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) mirrors: PathBuf,
    /// The definitions that every project of this server falls back to.
    pub(crate) organisation: Option<GitSource>,
    /// Largest component that a repository may bring along.
    pub(crate) component_bytes: usize,
    pub(crate) metrics: Arc<Metrics>,
    /// Who publishes has the project's turn from the fetch to the commit: whoever comes later has seen at least as new
    /// a commit, and no older one is put in force after it.
    pub(crate) turns: Turns,
    /// Told when the timer of a project was set.
    pub(crate) timers: Notify,
    /// Told when that of a schedule was.
    pub(crate) ticks: Notify,
}

/// The span of a sync.
fn span(project: &Project) -> tracing::Span {
    tracing::debug_span!(target: telemetry::TARGET, "sync", project = project.name.as_str())
}

/// Builds the change that settles the delivery, given what became of it.
pub(super) type Settle<'s> = &'s (dyn Fn(String) -> SettleDelivery + Sync);

impl Publisher {
    /// Acts on a push; the delivery is settled in the same transaction.
    pub(crate) async fn push(
        &self,
        project: ProjectId,
        push: &Push,
        settle: Settle<'_>,
    ) -> Result<Synced, SyncFailure> {
        let _turn = self.turns.take(project).await;
        let project = self.store.project(project).await?.ok_or(SyncFailure::UnknownProject)?;
        let synced = async {
            let (reference, after) = (Some(push.reference.clone()), Some(push.after.clone()));
            let looked = self.fetch(&project, reference, after, push.before.clone()).await?;
            self.publish(&project, looked, |_| Some(Cause::Push), &push.actor, Some(settle)).await
        };
        synced.instrument(span(&project)).await
    }

    /// Acts on a pull request of which both branches are the project's own.
    pub(crate) async fn pull_request(
        &self,
        project: ProjectId,
        pull: &PullRequest,
        settle: Settle<'_>,
    ) -> Result<Synced, SyncFailure> {
        let _turn = self.turns.take(project).await;
        let project = self.store.project(project).await?.ok_or(SyncFailure::UnknownProject)?;
        let synced = async {
            let reference = format!("{HEADS}{}", pull.source);
            let looked = self.fetch(&project, Some(reference), Some(pull.commit.clone()), None).await?;
            let cause = Cause::PullRequest { number: pull.number, target: pull.target.clone() };
            self.publish(&project, looked, |_| Some(cause.clone()), &pull.actor, Some(settle)).await
        };
        synced.instrument(span(&project)).await
    }

    /// Looks at a branch, or at the project's own. That starts what a lost delivery of a push should have; the first
    /// look at a project's branch starts no run. What came of looking at its own branch is noted with the project.
    pub(crate) async fn sync(
        &self,
        project: &Project,
        branch: Option<String>,
        actor: &str,
    ) -> Result<Synced, SyncFailure> {
        let _turn = self.turns.take(project.id).await;
        let project = self.store.project(project.id).await?.ok_or(SyncFailure::UnknownProject)?;
        let Some(branch) = branch else {
            let synced = self.sync_own(&project, actor).instrument(span(&project)).await;
            self.metrics.synced(synced.is_ok());
            if let Err(failure) = &synced {
                let outcome = SyncOutcome::Failed { error: failure.to_string() };
                self.store.commit(vec![note_sync(&project, outcome)]).await?;
            }
            return synced;
        };
        let known = self.store.revisions(project.id, 1).await?;
        let before = project.synced.as_ref().map(|synced| synced.commit.clone());
        let synced = async {
            let looked = self.fetch(&project, Some(format!("{HEADS}{branch}")), None, before).await?;
            let cause = (!known.is_empty()).then_some(Cause::Push);
            self.publish(&project, looked, |_| cause, actor, None).await
        };
        synced.instrument(span(&project)).await
    }

    async fn sync_own(&self, project: &Project, actor: &str) -> Result<Synced, SyncFailure> {
        let before = project.synced.as_ref().map(|synced| synced.commit.clone());
        let looked = self.fetch(project, None, None, before).await?;
        // Whatever was delivered in the meantime has the same keys, and starts nothing again.
        let missed = |fetched: &Fetched| {
            let synced = project.synced.as_ref().filter(|synced| synced.reference == fetched.reference);
            synced.filter(|synced| synced.commit != fetched.commit).map(|_| Cause::Push)
        };
        let nothing = matches!(looked, Looked::Nothing(_));
        let synced = self.publish(project, looked, missed, actor, None).await?;
        if nothing {
            self.store.commit(vec![note_sync(project, SyncOutcome::Nothing)]).await?;
        }
        Ok(synced)
    }

    async fn fetch(
        &self,
        project: &Project,
        reference: Option<String>,
        commit: Option<String>,
        before: Option<String>,
    ) -> Result<Looked, SyncFailure> {
        let url: RemoteUrl =
            project.url.parse().map_err(|error| SyncFailure::Url(format!("{}: {error}", project.url)))?;
        let commit =
            commit.map(|text| text.parse::<CommitId>().map_err(|_| SyncFailure::Commit40(text))).transpose()?;
        let folder = mirrors::of_project(&self.mirrors, project.id);
        let component_bytes = self.component_bytes;
        let ask = Ask { own: project.branch.clone(), reference, commit, before, component_bytes };
        match tokio::task::spawn_blocking(move || fetch(&folder, &url, ask)).await {
            Ok(looked) => Ok(looked?),
            Err(panic) => Err(SyncFailure::Url(format!("reading the repository failed: {panic}"))),
        }
    }

    /// Compiles and commits: revision, runs and the settled delivery, all or nothing.
    async fn publish(
        &self,
        project: &Project,
        looked: Looked,
        cause: impl FnOnce(&Fetched) -> Option<Cause>,
        actor: &str,
        settle: Option<Settle<'_>>,
    ) -> Result<Synced, SyncFailure> {
        let mut fetched = match looked {
            Looked::Found(fetched) => *fetched,
            Looked::Nothing(why) => return self.settle_only(settle, &why).await,
        };
        let cause = cause(&fetched);
        if !fetched.is_active {
            self.take_grants_of_active(project, &mut fetched.sources).await?;
        }
        fetched.sources.extend(self.other_levels(project).await?);
        fetched.sources.sort_by(|one, other| (one.origin.level, &one.path).cmp(&(other.origin.level, &other.path)));
        let (catalog, pinned, mut diagnostics) = self.catalog(&fetched).await;
        let (revision, found) = compile(&fetched.sources, &catalog);
        diagnostics.extend(found);
        diagnostics.extend(std::mem::take(&mut fetched.skipped));
        if let Some(revision) = revision.as_ref().filter(|_| fetched.is_active) {
            diagnostics.extend(self.refuse_taken_key(project, revision).await?);
        }
        let refused = diagnostics.iter().any(|found| found.severity == Severity::Error);
        let revision = revision.filter(|_| !refused).map(Arc::new);
        let known = self.known(project, &fetched, revision.is_some(), &written(&diagnostics)).await?;
        let id = known.unwrap_or_else(|| RevisionId::new(clock::ulid()));
        if let Some(revision) = &revision {
            self.revisions.remember(id, Arc::clone(revision));
        }
        let row = new_revision(id, project, &fetched, revision.as_deref(), &diagnostics, &pinned);
        let runs = match revision.as_deref().zip(cause.as_ref()) {
            Some((revision, cause)) => {
                let env = env::values(&self.store, project.id).await?;
                queue_runs(project, id, revision, &fetched, cause, actor, &env)
            }
            None => Vec::new(),
        };
        let mut before: Vec<Change> = Vec::new();
        if known.is_none() {
            before.push(Change::Revision(row));
        }
        if fetched.is_active && !matches!(cause, Some(Cause::PullRequest { .. })) {
            let (reference, commit) = (fetched.reference.clone(), fetched.commit.clone());
            before.push(note_sync(project, SyncOutcome::Synced(SyncedCommit { reference, commit })));
        }
        let schedules = match revision.as_deref().filter(|_| fetched.is_active) {
            Some(revision) => self.reschedule(project.id, revision).await?,
            None => None,
        };
        let rescheduled = schedules.is_some();
        before.extend(schedules);
        let settled = |runs| settle.map(|settle| settle(note(&fetched, revision.is_some(), runs)));
        let runs = self.commit(&before, runs, settled).await?;
        if rescheduled {
            self.ticks.notify_one();
        }
        tracing::info!(
            project = %project.name, commit = %fetched.commit, revision = %id, accepted = revision.is_some(),
            runs = runs.len(), "synced"
        );
        let runs = runs.into_iter().map(|run| (run.queued.id, run.queued.pipeline)).collect();
        Ok(Synced { revision: Some(id), runs })
    }

    /// Commits the changes, and the starts of those runs whose cause has not started one. Returns these.
    pub(super) async fn commit(
        &self,
        before: &[Change],
        mut runs: Vec<NewRun>,
        settled: impl Fn(usize) -> Option<SettleDelivery>,
    ) -> Result<Vec<NewRun>, SyncFailure> {
        loop {
            let mut unit = before.to_vec();
            // Drafting a run reads the revision, which is in memory since it was compiled.
            for run in &runs {
                unit.push(Change::Run(self.dispatch.draft_start(run.clone()).await?.0));
            }
            unit.extend(settled(runs.len()).map(Change::SettleDelivery));
            match self.store.commit(unit).await {
                Ok(_) => return Ok(runs),
                Err(CommitError::Conflict(Conflict::DuplicateTrigger { run })) => {
                    let row = self.store.run(run).await?;
                    let started = row.and_then(|row| row.trigger_key);
                    let count = runs.len();
                    runs.retain(|run| run.trigger_key != started);
                    if runs.len() == count {
                        return Err(CommitError::Conflict(Conflict::DuplicateTrigger { run }).into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(super) async fn settle_only(&self, settle: Option<Settle<'_>>, note: &str) -> Result<Synced, SyncFailure> {
        if let Some(settle) = settle {
            self.store.commit(vec![Change::SettleDelivery(settle(note.to_owned()))]).await?;
        }
        Ok(Synced::default())
    }
}

fn note(fetched: &Fetched, accepted: bool, runs: usize) -> String {
    let outcome = if accepted { "published" } else { "rejected" };
    format!("{outcome} {} of {}, started {runs} runs", fetched.commit, short(&fetched.reference))
}

fn note_sync(project: &Project, outcome: SyncOutcome) -> Change {
    Change::NoteSync(NoteSync { project: project.id, at: clock::now(), outcome })
}
