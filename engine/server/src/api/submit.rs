//! `POST /runs`: a run of a pipeline that comes with the request.

use axum::http::{HeaderMap, StatusCode};
use kiket_core::RunId;
use kiket_core::run::{Queued, Trigger};
use kiket_store::{Change, CommitError, Conflict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as JsonValue};

use super::auth::{Authorized, may};
use super::extract::Json;
use super::idempotency::{Key, Started, accepted, again, takes_key};
use super::routes::{Routes, post};
use super::{Problem, projects};
use crate::dispatch::{NewRun, Start};
use crate::publish::SubmitFailure;
use crate::{clock, env};

pub(super) fn operations() -> Routes {
    let one = post("/runs", "submitRun", "Start a run of a pipeline that comes with the request");
    Routes::new().add(one.with(takes_key).fails(&[404, 409]), submit)
}

/// A pipeline and what it is started with.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SubmitBody {
    /// The project whose plugins, grants, values and commit it runs with.
    project: String,
    /// The pipeline: YAML or JSON as text, or JSON as it is.
    #[schemars(with = "Definition")]
    definition: JsonValue,
    /// Its inputs.
    #[serde(default)]
    inputs: Map<String, JsonValue>,
}

/// How a pipeline is written.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "it only describes")]
enum Definition {
    Text(String),
    Object(Map<String, JsonValue>),
}

async fn submit(
    api: Authorized<may::Runs>,
    headers: HeaderMap,
    Json(body): Json<SubmitBody>,
) -> Result<Started, Problem> {
    let project = projects::find(&api, &body.project).await?;
    let sent = serde_json::to_value(&body).map_err(|error| Problem::internal(&error))?;
    let key = Key::read(&headers, &api, "submit", &sent)?;
    if let Some(key) = &key
        && let Some(run) = api.store.run_of_cause(project.id, &key.trigger).await?
    {
        return again(&api, run, Some(&key.request)).await;
    }
    let text = match body.definition {
        JsonValue::String(text) => text,
        object @ JsonValue::Object(_) => format!("{object:#}"),
        _ => return Err(Problem::invalid("invalid_definition", "`definition` is a text or an object")),
    };
    let submission = api.publisher.submission(&project, text).await?;
    let plan = &submission.plan;
    let queued = Queued {
        id: RunId::new(clock::ulid()),
        project: project.name.clone(),
        pipeline: plan.pipeline.clone(),
        revision: submission.revision.id,
        commit: Some(submission.revision.commit.clone()),
        reference: submission.revision.reference.clone(),
        trigger: Trigger::Api,
        actor: api.bearer.name.clone(),
        inputs: plan.check_inputs(body.inputs).map_err(Problem::invalid_inputs)?,
        item: None,
        env: env::values(&api.store, project.id).await?,
        stages: plan.stages().map(|stage| stage.id.as_str().into()).collect(),
        resumed_from: None,
        stranger: false,
    };
    let (trigger_key, request) = key.map(|key| (key.trigger, key.request)).unzip();
    let (run, revision) = (queued.id, queued.revision);
    let new = NewRun { project: project.id, revision, queued, trigger_key };
    let (start, begun) = api.dispatch.draft_start(Start { new, request: request.clone(), before: None }).await?;
    match api.store.commit(vec![Change::Revision(submission.revision), Change::Run(start)]).await {
        Ok(_) => Ok(accepted(run, &begun)),
        Err(CommitError::Conflict(Conflict::DuplicateTrigger { run })) => again(&api, run, request.as_deref()).await,
        Err(error) => Err(error.into()),
    }
}

impl From<SubmitFailure> for Problem {
    fn from(error: SubmitFailure) -> Self {
        match error {
            SubmitFailure::NoRevision => Self::new(StatusCode::CONFLICT, "no_revision", error.to_string()),
            SubmitFailure::NoPipeline => Self::invalid("invalid_definition", error.to_string()),
            SubmitFailure::Invalid(found) => Self::invalid_definition(&found),
            SubmitFailure::Plugin(_) => Self::internal(&error),
            SubmitFailure::Store(error) => error.into(),
        }
    }
}
