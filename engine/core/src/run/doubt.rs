//! Effects in doubt: a crash or a broken connection came between sending something to the world and knowing what
//! became of it. What may be done then depends on the action's class; where nothing may, people decide.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::command::{Actor, Rejected};
use super::decide::{Draft, note_undone};
use super::event::Event;
use super::settle::settle;
use super::state::{StageState, Usage};

/// What an attempt was about to do to the world, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Intent {
    /// Which host call of the stage it is, counted from 0.
    pub ordinal: u32,
    /// Which interface it went through: `http`, `mail`, `process` …
    pub call: String,
    /// What it is, in a line: `POST https://hooks.example.com/x`. Placeholders stand for secrets.
    pub summary: String,
    /// When it was about to happen.
    #[serde(with = "crate::time::rfc3339")]
    #[schemars(with = "crate::time::Timestamp")]
    pub at: crate::time::Timestamp,
}

/// An effect in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Doubt {
    /// What kind of doubt it is.
    pub code: DoubtCode,
    /// What was about to happen.
    pub intent: Intent,
    /// Why nobody knows what became of it.
    pub reason: String,
}

/// Why nobody knows what became of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoubtCode {
    /// It was on its way when the attempt was cut off or the connection broke.
    InDoubt,
    /// Done again after a crash, the action asked for something else than the first time.
    ReplayMismatch,
}

/// What is known of an attempt that was cut off.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Nothing of it is in doubt, or what is may be done again: it goes on where it was.
    Nothing,
    /// The plugin says that it had happened: the action's output.
    Done(Json),
    /// Something may not be done again by itself.
    Doubt(Doubt),
}

/// What a person says of an effect in doubt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "resolution", rename_all = "snake_case")]
pub enum Resolution {
    /// It happened. The stage has succeeded, with this output.
    Happened {
        /// The action's output, a JSON object.
        #[serde(default = "empty")]
        outputs: Json,
    },
    /// It did not happen: do it again.
    Retry,
}

fn empty() -> Json {
    json!({})
}

/// Lets a stage wait for people who know more.
pub(super) fn doubt(draft: &mut Draft<'_>, stage: Arc<str>, attempt: u32, doubt: Doubt) -> Result<(), Rejected> {
    draft.push(Event::StageNeedsAttention { stage, attempt, doubt: Arc::new(doubt) });
    settle(draft);
    Ok(())
}

/// Takes the word of a person for what became of an effect.
pub(super) fn resolve(
    draft: &mut Draft<'_>,
    id: Arc<str>,
    actor: &Actor,
    resolution: Resolution,
    comment: Option<String>,
) -> Result<(), Rejected> {
    let stage = draft.run.stage(&id).ok_or_else(|| Rejected::UnknownStage(Arc::clone(&id)))?;
    let attempt = stage.attempt;
    if !matches!(stage.state, StageState::NeedsAttention { .. }) {
        return Err(Rejected::WrongState { stage: id, status: stage.state.word() });
    }
    let by = actor.name.clone();
    draft.push(Event::StageResolved { stage: Arc::clone(&id), by, resolution: resolution.clone(), comment });
    match resolution {
        Resolution::Retry => draft.push(Event::StageReady { stage: id }),
        Resolution::Happened { outputs } => {
            let (outputs, usage) = (Arc::new(outputs), Usage::default());
            draft.push(Event::StageSucceeded { stage: Arc::clone(&id), attempt, outputs, usage, kept_from: None });
            note_undone(draft, &id);
        }
    }
    settle(draft);
    Ok(())
}
