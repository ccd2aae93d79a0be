//! Pull requests from forks: what a stranger's commit may start, and how little of it comes along.
//!
//! Definitions, plugins and grants are those in force: nothing of the commit is read before a person has agreed to
//! run it. The run is bound to the commit that was delivered; another one is another run, with a question of its own.

use std::sync::Arc;

use kiket_core::plan::Plan;
use kiket_core::run::{Queued, Trigger};
use kiket_core::{ProjectId, RunId};
use kiket_store::Project;
use kiket_sync::{CommitId, Limits, Mirror, RemoteUrl, SyncError};
use serde_json::Map;

use super::sync::{Publisher, Settle, SyncFailure, Synced};
use crate::dispatch::{DispatchError, NewRun};
use crate::forge::PullRequest;
use crate::{clock, mirrors};

impl Publisher {
    /// Acts on a pull request from a fork: its runs wait for a person, and get neither secrets nor values.
    pub(crate) async fn stranger(
        &self,
        project: ProjectId,
        pull: &PullRequest,
        settle: Settle<'_>,
    ) -> Result<Synced, SyncFailure> {
        let project = self.store.project(project).await?.ok_or(SyncFailure::UnknownProject)?;
        let number = pull.number;
        let Some(active) = project.active_revision else {
            let why = format!("pull request {number} comes from a fork, and the project has no definitions yet");
            return self.settle_only(Some(settle), &why).await;
        };
        let revision = self.revisions.get(active).await.map_err(DispatchError::from)?;
        let asks = |plan: &&Arc<Plan>| plan.on.pull_request.as_ref().is_some_and(|on| on.takes_target(&pull.target));
        let plans: Vec<_> = revision.pipelines().filter(asks).collect();
        let commit: CommitId = pull.commit.parse().map_err(|_| SyncFailure::Commit40(pull.commit.clone()))?;
        if !plans.is_empty() && !self.bring(&project, &pull.head, commit).await? {
            let why = format!("`{}` is not at {commit} any more", pull.head);
            return self.settle_only(Some(settle), &why).await;
        }
        let mut runs = Vec::new();
        for plan in plans {
            let Ok(inputs) = plan.check_inputs(Map::new()) else { continue };
            let mut queued = Queued {
                id: RunId::new(clock::ulid()),
                project: project.name.clone(),
                pipeline: plan.pipeline.clone(),
                revision: active,
                commit: Some(commit.to_string()),
                reference: Some(pull.head.clone()),
                trigger: Trigger::PullRequest { number, target: pull.target.clone() },
                actor: pull.actor.clone(),
                inputs,
                item: None,
                env: Map::new(),
                stages: Vec::new(),
                resumed_from: None,
                stranger: true,
            };
            let plan =
                revision.plan_of(&queued).map(|plan| plan.stages().map(|stage| stage.id.as_str().into()).collect());
            queued.stages = plan.unwrap_or_default();
            let trigger_key = Some(format!("pull_request:{number}:{commit}:{}", queued.pipeline));
            runs.push(NewRun { project: project.id, revision: active, queued, trigger_key });
        }
        let settled = |runs| {
            Some(settle(format!("pull request {number} comes from a fork: {runs} runs at {commit} wait for approval")))
        };
        let runs = self.commit(&[], runs, settled).await?;
        tracing::info!(project = %project.name, %commit, number, runs = runs.len(), "a stranger's commit waits");
        let runs = runs.into_iter().map(|run| (run.queued.id, run.queued.pipeline)).collect();
        Ok(Synced { revision: Some(active), runs })
    }

    /// Fetches a commit under the name that the forge has for it; tells whether it is still there.
    async fn bring(&self, project: &Project, head: &str, commit: CommitId) -> Result<bool, SyncFailure> {
        let _turn = self.turns.take(project.id).await;
        let url: RemoteUrl =
            project.url.parse().map_err(|error| SyncFailure::Url(format!("{}: {error}", project.url)))?;
        let (folder, head) = (mirrors::of_project(&self.mirrors, project.id), head.to_owned());
        let fetch = move || {
            let tip = Mirror::open(&folder, &url, Limits::default())?.fetch_reference(&head)?;
            Ok::<_, SyncError>(tip.is_some_and(|tip| tip.commit == commit))
        };
        match tokio::task::spawn_blocking(fetch).await {
            Ok(found) => Ok(found?),
            Err(panic) => Err(SyncFailure::Url(format!("reading the repository failed: {panic}"))),
        }
    }
}
