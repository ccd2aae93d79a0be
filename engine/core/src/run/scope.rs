//! What the expressions of a run see, and the call that a stage makes.

use serde_json::{Map, Value as Json, json};

use super::state::{Run, StageState};
use crate::expression::{EvaluationError, Placeholders, Scope};
use crate::plan::{CallPlan, Plan, StagePlan};

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
    /// Computes what a stage calls its action with in an attempt, counted from 1. Without placeholders a call that
    /// names a secret has no value.
    pub fn call(
        &self,
        plan: &Plan,
        stage: &StagePlan,
        call: &CallPlan,
        attempt: u32,
        placeholders: Option<&Placeholders>,
    ) -> Result<Call, CallError> {
        if call.input.is_literal() && call.env.iter().all(|(_, value)| value.is_literal()) {
            return evaluate(call, &Scope::new());
        }
        let scope = self.scope(plan, Some(&stage.id), attempt);
        match placeholders {
            Some(placeholders) => evaluate(call, &scope.with_placeholders(placeholders.clone())),
            None => evaluate(call, &scope),
        }
    }

    /// Builds the names that expressions use; those of a stage also see its combination.
    pub(super) fn scope(&self, plan: &Plan, stage: Option<&str>, attempt: u32) -> Scope {
        let Some(queued) = &self.queued else { return Scope::new() };
        let reference = queued.reference.as_deref();
        let git = json!({
            "commit": queued.commit,
            "ref": reference,
            "branch": reference.and_then(|reference| reference.strip_prefix("refs/heads/")),
            "tag": reference.and_then(|reference| reference.strip_prefix("refs/tags/")),
        });
        let scope = Scope::new()
            .with("inputs", Json::Object(queued.inputs.clone()))
            .with("env", Json::Object(queued.env.clone()))
            .with("git", git)
            .with("project", json!({ "name": queued.project }))
            .with("actor", json!({ "name": queued.actor }))
            .with("event", serde_json::to_value(&queued.trigger).unwrap_or_default())
            .with("run", json!({ "id": queued.id, "pipeline": queued.pipeline, "status": self.status.word() }))
            .with("attempt", attempt.into())
            .with("stages", Json::Object(self.stages_json(plan)));
        let scope = match &queued.item {
            Some(item) => scope.with("item", item.clone()),
            None => scope,
        };
        let combination = stage.and_then(|id| plan.position(id)).and_then(|at| plan.stage(at).matrix.as_ref());
        match combination {
            Some((_, values)) => scope.with("matrix", Json::Object(values.clone())),
            None => scope,
        }
    }

    /// The stages as they were written: the nodes of a matrix are one, whose outputs are a list.
    fn stages_json(&self, plan: &Plan) -> Map<String, Json> {
        let mut stages = Map::new();
        for (position, stage) in self.stages.iter().enumerate() {
            // A plan that was rebuilt with fewer stages than the run has is refused elsewhere.
            if position < plan.len() && plan.stage(position).matrix.is_none() {
                stages.insert(stage.id.to_string(), stage_json(&stage.state));
            }
        }
        for matrix in &plan.matrices {
            let members: Vec<&StageState> =
                matrix.members.iter().filter_map(|member| self.stages.get(*member)).map(|stage| &stage.state).collect();
            let outputs: Vec<Json> =
                members.iter().map(|state| outputs(state).cloned().unwrap_or(Json::Null)).collect();
            let status = combined_status(&members);
            stages.insert(matrix.id.clone(), json!({ "status": status, "outputs": outputs }));
        }
        stages
    }
}

/// Computes what a call is made with.
pub(crate) fn evaluate(call: &CallPlan, scope: &Scope) -> Result<Call, CallError> {
    let mut env = Vec::with_capacity(call.env.len());
    for (name, template) in &call.env {
        env.push((name.clone(), plain(template.evaluate(scope)?)));
    }
    Ok(Call { input: call.input.evaluate(scope)?, env })
}

fn outputs(state: &StageState) -> Option<&Json> {
    match state {
        StageState::Succeeded { outputs, .. } | StageState::Compensated { outputs, .. } => Some(outputs),
        _ => None,
    }
}

fn stage_json(state: &StageState) -> Json {
    let mut stage = Map::new();
    stage.insert("status".to_owned(), state.word().into());
    if let Some(outputs) = outputs(state) {
        stage.insert("outputs".to_owned(), outputs.clone());
    }
    if let Some(error) = state.error() {
        stage.insert("error".to_owned(), json!({ "code": error.code, "message": error.message }));
    }
    Json::Object(stage)
}

/// What matters most of the nodes of a matrix: an open one, then a failure, then what all of them are.
fn combined_status(members: &[&StageState]) -> &'static str {
    let first = |wanted: fn(&StageState) -> bool| members.iter().find(|state| wanted(state)).map(|state| state.word());
    first(|state| !state.is_terminal())
        .or_else(|| first(|state| matches!(state, StageState::Failed { .. })))
        .or_else(|| first(|state| !matches!(state, StageState::Succeeded { .. })))
        .unwrap_or("succeeded")
}

fn plain(value: Json) -> String {
    match value {
        Json::String(text) => text,
        other => other.to_string(),
    }
}
