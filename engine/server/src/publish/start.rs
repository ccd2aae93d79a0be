//! Which pipelines a push starts, and with what.

use kiket_core::definition::PushTrigger;
use kiket_core::revision::Revision;
use kiket_core::run::{Queued, Trigger};
use kiket_core::{RevisionId, RunId};
use kiket_store::Project;
use serde_json::{Map, Value as Json};

use super::fetch::Fetched;
use crate::clock;
use crate::dispatch::NewRun;

/// Drafts a run of every pipeline that this push starts. One that cannot start without inputs does not.
pub(super) fn queue_runs(
    project: &Project,
    id: RevisionId,
    revision: &Revision,
    fetched: &Fetched,
    actor: &str,
    env: &Map<String, Json>,
) -> Vec<NewRun> {
    let starts = |push: &PushTrigger| {
        push.takes_branch(&fetched.branch)
            && (!push.looks_at_paths() || fetched.changed.as_ref().is_none_or(|changed| push.takes_paths(changed)))
    };
    let mut runs = Vec::new();
    for plan in revision.pipelines().filter(|plan| plan.on.push.as_ref().is_some_and(starts)) {
        let Ok(inputs) = plan.check_inputs(Map::new()) else {
            tracing::warn!(project = %project.name, pipeline = %plan.pipeline, "a push cannot start it: it has required inputs");
            continue;
        };
        let queued = Queued {
            id: RunId::new(clock::ulid()),
            project: project.name.clone(),
            pipeline: plan.pipeline.clone(),
            revision: id,
            commit: Some(fetched.commit.clone()),
            reference: Some(fetched.reference()),
            trigger: Trigger::Push,
            actor: actor.to_owned(),
            inputs,
            item: None,
            env: env.clone(),
            stages: plan.stages().map(|stage| stage.id.as_str().into()).collect(),
        };
        let trigger_key = Some(format!("push:{}:{}:{}", fetched.reference(), fetched.commit, plan.pipeline));
        runs.push(NewRun { project: project.id, revision: id, queued, trigger_key });
    }
    runs
}
