//! Which pipelines a push or a pull request starts, and with what.

use kiket_core::plan::Plan;
use kiket_core::revision::Revision;
use kiket_core::run::{Queued, Trigger};
use kiket_core::{RevisionId, RunId};
use kiket_store::Project;
use serde_json::{Map, Value as Json};

use super::fetch::{Fetched, TAGS, short};
use crate::clock;
use crate::dispatch::NewRun;

/// What may start runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// A branch has another commit, or a tag is new.
    Push,
    /// A pull request has.
    PullRequest { number: u64, target: String },
}

impl Cause {
    fn starts(&self, plan: &Plan, fetched: &Fetched) -> bool {
        match self {
            Self::Push => plan.on.push.as_ref().is_some_and(|push| {
                if let Some(tag) = fetched.reference.strip_prefix(TAGS) {
                    return push.takes_tag(tag);
                }
                let changed = || fetched.changed.as_ref().is_none_or(|changed| push.takes_paths(changed));
                push.takes_branch(short(&fetched.reference)) && (!push.looks_at_paths() || changed())
            }),
            Self::PullRequest { target, .. } => plan.on.pull_request.as_ref().is_some_and(|on| on.takes_target(target)),
        }
    }

    fn trigger(&self) -> Trigger {
        match self {
            Self::Push => Trigger::Push,
            Self::PullRequest { number, target } => Trigger::PullRequest { number: *number, target: target.clone() },
        }
    }

    /// What starts a pipeline once.
    fn key(&self, plan: &Plan, fetched: &Fetched) -> String {
        let (commit, pipeline) = (&fetched.commit, &plan.pipeline);
        match self {
            Self::Push => format!("push:{}:{commit}:{pipeline}", fetched.reference),
            Self::PullRequest { number, .. } => format!("pull_request:{number}:{commit}:{pipeline}"),
        }
    }
}

/// Drafts a run of every pipeline that the cause starts. One that cannot start without inputs does not.
pub(super) fn queue_runs(
    project: &Project,
    id: RevisionId,
    revision: &Revision,
    fetched: &Fetched,
    cause: &Cause,
    actor: &str,
    env: &Map<String, Json>,
) -> Vec<NewRun> {
    let mut runs = Vec::new();
    for plan in revision.pipelines().filter(|plan| cause.starts(plan, fetched)) {
        let Ok(inputs) = plan.check_inputs(Map::new()) else {
            tracing::warn!(project = %project.name, pipeline = %plan.pipeline, "it has required inputs, and nothing that starts by itself gives any");
            continue;
        };
        let queued = Queued {
            id: RunId::new(clock::ulid()),
            project: project.name.clone(),
            pipeline: plan.pipeline.clone(),
            revision: id,
            commit: Some(fetched.commit.clone()),
            reference: Some(fetched.reference.clone()),
            trigger: cause.trigger(),
            actor: actor.to_owned(),
            inputs,
            item: None,
            stranger: false,
            env: env.clone(),
            stages: plan.stages().map(|stage| stage.id.as_str().into()).collect(),
            resumed_from: None,
        };
        let trigger_key = Some(cause.key(plan, fetched));
        runs.push(NewRun { project: project.id, revision: id, queued, trigger_key });
    }
    runs
}
