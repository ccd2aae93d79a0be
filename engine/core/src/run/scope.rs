//! What the expressions of a run see, and the call that a stage makes.

use serde_json::{Map, Value as Json, json};

use super::state::{Run, StageState};
use crate::expression::{EvaluationError, Scope};
use crate::plan::StagePlan;

/// What a stage calls its action with.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The input, a JSON object.
    pub input: Json,
    /// Plain values.
    pub env: Vec<(String, String)>,
}

/// Why a stage cannot call its action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// An expression has no value.
    #[error(transparent)]
    Expression(#[from] EvaluationError),
}

impl Run {
    /// Computes what a stage calls its action with in an attempt, counted from 1.
    pub fn call(&self, stage: &StagePlan, attempt: u32) -> Result<Call, CallError> {
        if stage.input.is_literal() && stage.env.iter().all(|(_, value)| value.is_literal()) {
            return self.call_in(stage, &Scope::new());
        }
        self.call_in(stage, &self.scope(attempt))
    }

    fn call_in(&self, stage: &StagePlan, scope: &Scope) -> Result<Call, CallError> {
        let mut env = Vec::with_capacity(stage.env.len());
        for (name, template) in &stage.env {
            env.push((name.clone(), plain(template.evaluate(scope)?)));
        }
        Ok(Call { input: stage.input.evaluate(scope)?, env })
    }

    /// Builds the names that expressions use.
    pub(super) fn scope(&self, attempt: u32) -> Scope {
        let Some(queued) = &self.queued else { return Scope::new() };
        let reference = queued.reference.as_deref();
        let git = json!({
            "commit": queued.commit,
            "ref": reference,
            "branch": reference.and_then(|reference| reference.strip_prefix("refs/heads/")),
            "tag": reference.and_then(|reference| reference.strip_prefix("refs/tags/")),
        });
        let stages: Map<String, Json> =
            self.stages.iter().map(|stage| (stage.id.to_string(), stage_json(&stage.state))).collect();
        Scope::new()
            .with("inputs", Json::Object(queued.inputs.clone()))
            .with("env", Json::Object(queued.env.clone()))
            .with("git", git)
            .with("project", json!({ "name": queued.project }))
            .with("actor", json!({ "name": queued.actor }))
            .with("event", serde_json::to_value(&queued.trigger).unwrap_or_default())
            .with("run", json!({ "id": queued.id, "pipeline": queued.pipeline, "status": self.status.word() }))
            .with("attempt", attempt.into())
            .with("stages", Json::Object(stages))
    }
}

fn stage_json(state: &StageState) -> Json {
    let mut stage = Map::new();
    stage.insert("status".to_owned(), state.word().into());
    if let StageState::Succeeded { outputs, .. } = state {
        stage.insert("outputs".to_owned(), (**outputs).clone());
    }
    if let Some(error) = state.error() {
        stage.insert("error".to_owned(), json!({ "code": error.code, "message": error.message }));
    }
    Json::Object(stage)
}

fn plain(value: Json) -> String {
    match value {
        Json::String(text) => text,
        other => other.to_string(),
    }
}
