//! One sync of one branch: mirror, sources, compile, one transaction.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use kiket_core::catalog::Catalog;
use kiket_core::diagnostic::{Code, Diagnostic, Problems, Severity, Span};
use kiket_core::record::{RevisionEvent, RevisionNote};
use kiket_core::revision::{Revision, compile};
use kiket_core::{Level, ProjectId, RevisionId, RunId, Source};
use kiket_store::{
    Change, CommitError, Conflict, NewEvent, NewRevision, Project, RevisionStatus, SettleDelivery, Store, StoreError,
};
use kiket_sync::{CommitId, RemoteUrl, SyncError};

use super::GitSource;
use super::fetch::{Fetched, fetch};
use super::start::{Cause, queue_runs};
use crate::dispatch::{Dispatch, DispatchError};
use crate::forge::{PullRequest, Push};
use crate::mirrors;
use crate::plugins::Plugins;
use crate::revisions::Revisions;
use crate::{clock, env};

/// The files that say what plugins may do and which ones they are; they always come from the active revision.
const GRANTS: [&str; 2] = [".kiket/plugins.yaml", ".kiket/plugins.lock"];

/// Where a project's key stands, if it has one.
const PROJECT: &str = ".kiket/project.yaml";

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
        matches!(self, Self::Git(SyncError::Unreachable { .. } | SyncError::TimedOut { .. }) | Self::Store(_))
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
}

/// Builds the change that settles the delivery, given what became of it.
type Settle<'s> = &'s (dyn Fn(String) -> SettleDelivery + Sync);

impl Publisher {
    /// Acts on a push; the delivery is settled in the same transaction.
    pub(crate) async fn push(
        &self,
        project: ProjectId,
        push: &Push,
        settle: Settle<'_>,
    ) -> Result<Synced, SyncFailure> {
        let project = self.store.project(project).await?.ok_or(SyncFailure::UnknownProject)?;
        let (branch, after) = (Some(push.branch.clone()), Some(push.after.clone()));
        let fetched = self.fetch(&project, branch, after, push.before.clone()).await?;
        self.publish(&project, fetched, Some(Cause::Push), &push.actor, Some(settle)).await
    }

    /// Acts on a pull request of which both branches are the project's own.
    pub(crate) async fn pull_request(
        &self,
        project: ProjectId,
        pull: &PullRequest,
        settle: Settle<'_>,
    ) -> Result<Synced, SyncFailure> {
        let project = self.store.project(project).await?.ok_or(SyncFailure::UnknownProject)?;
        let fetched = self.fetch(&project, Some(pull.source.clone()), Some(pull.commit.clone()), None).await?;
        let cause = Cause::PullRequest { number: pull.number, target: pull.target.clone() };
        self.publish(&project, fetched, Some(cause), &pull.actor, Some(settle)).await
    }

    /// Looks at a branch, or at the project's own. The first sync of a project starts no run.
    pub(crate) async fn sync(
        &self,
        project: &Project,
        branch: Option<String>,
        actor: &str,
    ) -> Result<Synced, SyncFailure> {
        let known = self.store.revisions(project.id, 1).await?;
        let before = match project.active_revision {
            Some(active) => self.store.revision(active).await?.map(|revision| revision.commit),
            None => None,
        };
        let fetched = self.fetch(project, branch, None, before).await?;
        let cause = (!known.is_empty()).then_some(Cause::Push);
        self.publish(project, fetched, cause, actor, None).await
    }

    async fn fetch(
        &self,
        project: &Project,
        branch: Option<String>,
        commit: Option<String>,
        before: Option<String>,
    ) -> Result<Option<Fetched>, SyncFailure> {
        let url: RemoteUrl =
            project.url.parse().map_err(|error| SyncFailure::Url(format!("{}: {error}", project.url)))?;
        let commit =
            commit.map(|text| text.parse::<CommitId>().map_err(|_| SyncFailure::Commit40(text))).transpose()?;
        let folder = mirrors::of_project(&self.mirrors, project.id);
        let own = project.branch.clone();
        let component_bytes = self.component_bytes;
        let work = move || fetch(&folder, &url, own, branch, commit, before.as_deref(), component_bytes);
        match tokio::task::spawn_blocking(work).await {
            Ok(fetched) => Ok(fetched?),
            Err(panic) => Err(SyncFailure::Url(format!("reading the repository failed: {panic}"))),
        }
    }

    /// Compiles and commits: revision, runs and the settled delivery, all or nothing.
    async fn publish(
        &self,
        project: &Project,
        fetched: Option<Fetched>,
        cause: Option<Cause>,
        actor: &str,
        settle: Option<Settle<'_>>,
    ) -> Result<Synced, SyncFailure> {
        let Some(mut fetched) = fetched else {
            return self.settle_only(settle, "the branch has no commit").await;
        };
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
        let known = self.known(project, &fetched, revision.is_some()).await?;
        let id = known.unwrap_or_else(|| RevisionId::new(clock::ulid()));
        if let Some(revision) = &revision {
            self.revisions.remember(id, Arc::clone(revision));
        }
        let row = new_revision(id, project, &fetched, revision.as_deref(), &diagnostics, &pinned);
        let mut runs = match revision.as_deref().zip(cause.as_ref()) {
            Some((revision, cause)) => {
                let env = env::values(&self.store, project.id).await?;
                queue_runs(project, id, revision, &fetched, cause, actor, &env)
            }
            None => Vec::new(),
        };
        loop {
            let mut unit: Vec<Change> = Vec::new();
            if known.is_none() {
                unit.push(Change::Revision(row.clone()));
            }
            // Drafting a run reads the revision, which is in memory since it was compiled.
            for run in &runs {
                unit.push(Change::Run(self.dispatch.draft_start(run.clone()).await?));
            }
            if let Some(settle) = settle {
                unit.push(Change::SettleDelivery(settle(note(&fetched, revision.is_some(), runs.len()))));
            }
            match self.store.commit(unit).await {
                Ok(_) => break,
                Err(CommitError::Conflict(Conflict::DuplicateTrigger { run })) => {
                    let row = self.store.run(run).await?;
                    let started = row.and_then(|row| row.trigger_key);
                    let before = runs.len();
                    runs.retain(|run| run.trigger_key != started);
                    if runs.len() == before {
                        return Err(CommitError::Conflict(Conflict::DuplicateTrigger { run }).into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        tracing::info!(
            project = %project.name, commit = %fetched.commit, revision = %id, accepted = revision.is_some(),
            runs = runs.len(), "synced"
        );
        let runs = runs.into_iter().map(|run| (run.queued.id, run.queued.pipeline)).collect();
        Ok(Synced { revision: Some(id), runs })
    }

    async fn settle_only(&self, settle: Option<Settle<'_>>, note: &str) -> Result<Synced, SyncFailure> {
        if let Some(settle) = settle {
            self.store.commit(vec![Change::SettleDelivery(settle(note.to_owned()))]).await?;
        }
        Ok(Synced::default())
    }

    /// Returns the revision that this commit already has, where it means the same.
    async fn known(
        &self,
        project: &Project,
        fetched: &Fetched,
        accepted: bool,
    ) -> Result<Option<RevisionId>, SyncFailure> {
        let Some(active) = project.active_revision.filter(|_| accepted && fetched.is_active) else { return Ok(None) };
        let Some(row) = self.store.revision(active).await? else { return Ok(None) };
        if row.commit != fetched.commit || row.reference.as_deref() != Some(&*fetched.reference()) {
            return Ok(None);
        }
        // The commit is the same; what the other levels say may have changed.
        let same = self.store.sources(active).await? == fetched.sources;
        Ok(same.then_some(active))
    }

    async fn take_grants_of_active(&self, project: &Project, sources: &mut Vec<Source>) -> Result<(), SyncFailure> {
        sources.retain(|source| !GRANTS.contains(&&*source.path));
        if let Some(active) = project.active_revision {
            let active = self.store.sources(active).await?;
            let own = |source: &Source| GRANTS.contains(&&*source.path) && source.origin.level == Level::Repository;
            sources.extend(active.into_iter().filter(own));
        }
        Ok(())
    }

    /// Reports a key that the items of another project have: two items of one name would be nobody's.
    async fn refuse_taken_key(&self, project: &Project, revision: &Revision) -> Result<Vec<Diagnostic>, SyncFailure> {
        let key = revision.project_key(&project.name).to_ascii_uppercase();
        let other = match self.store.project_by_key(&key).await? {
            Some(other) => Some(other),
            None => self.store.project_by_name(&key.to_ascii_lowercase()).await?,
        };
        let Some(other) = other.filter(|other| other.id != project.id) else { return Ok(Vec::new()) };
        let (path, span) = revision.key_place().unwrap_or((PROJECT, Span::default()));
        let mut problems = Problems::new(path);
        let message = match other.key.as_deref() == Some(&*key) {
            true => format!("project \"{}\" has the key \"{key:.64}\" already", other.name),
            false => {
                format!("another project is named \"{}\", and its items are found by that name as well", other.name)
            }
        };
        let hint = format!("items of both would be called {key:.64}-1: give the project another key");
        problems.report_with_hint(Code::DuplicateId, span, message, hint);
        Ok(problems.into_diagnostics())
    }

    async fn catalog(&self, fetched: &Fetched) -> (Catalog, BTreeMap<String, String>, Vec<Diagnostic>) {
        let mut catalog = self.plugins.bundled().clone();
        let mut diagnostics = Vec::new();
        for (path, component) in &fetched.components {
            let Some(component) = component else { continue };
            match self.plugins.keep(component).await {
                Ok(plugin) => catalog.insert(format!("./{path}"), plugin),
                Err(error) => {
                    let mut problems = Problems::new(path);
                    problems.report(Code::UnusableComponent, Span::default(), format!("not a usable plugin: {error}"));
                    diagnostics.extend(problems.into_diagnostics());
                }
            }
        }
        let pinned = catalog.names().filter_map(|name| Some((name.to_owned(), catalog.get(name)?.digest.clone())));
        let pinned = pinned.collect();
        (catalog, pinned, diagnostics)
    }
}

fn new_revision(
    id: RevisionId,
    project: &Project,
    fetched: &Fetched,
    revision: Option<&Revision>,
    diagnostics: &[Diagnostic],
    pinned: &BTreeMap<String, String>,
) -> NewRevision {
    let accepted = revision.is_some();
    let key = revision.map(|revision| revision.project_key(&project.name).to_ascii_uppercase());
    let status = match (accepted, fetched.is_active) {
        (false, _) => RevisionStatus::Rejected,
        (true, true) => RevisionStatus::Active,
        (true, false) => RevisionStatus::Branch,
    };
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
    let note = RevisionNote {
        revision: id,
        commit: Some(fetched.commit.clone()),
        reference: Some(fetched.reference()),
        status: status.to_string(),
        errors,
    };
    let event = if accepted { RevisionEvent::Published(note) } else { RevisionEvent::Rejected(note) };
    NewRevision {
        id,
        project: project.id,
        reference: Some(fetched.reference()),
        commit: fetched.commit.clone(),
        status,
        key: key.filter(|key| !key.is_empty()),
        sources: fetched.sources.clone(),
        diagnostics: serde_json::to_string(diagnostics).expect("diagnostics are plain data"),
        plugins: serde_json::to_string(pinned).expect("names and digests are plain data"),
        at: clock::now(),
        event: NewEvent {
            kind: event.kind().into(),
            stage: None,
            data: serde_json::to_string(&event).expect("events are plain data"),
        },
    }
}

fn note(fetched: &Fetched, accepted: bool, runs: usize) -> String {
    let outcome = if accepted { "published" } else { "rejected" };
    format!("{outcome} {} of {}, started {runs} runs", fetched.commit, fetched.branch)
}
