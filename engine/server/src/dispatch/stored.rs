//! A run as it is stored: what is read of it, and what else it names.

use std::sync::Arc;

use kiket_core::plan::Plan;
use kiket_core::revision::Revision;
use kiket_core::run::{Run, Stage, StageState};
use kiket_core::{ProjectId, RunId};
use kiket_store::{EffectChange, Journal, Seq, StoreError, WriteEffect};

use super::DispatchError;

/// A run as it stood at some moment.
pub(crate) struct Snapshot {
    pub(crate) project: ProjectId,
    pub(crate) plan: Arc<Plan>,
    pub(crate) revision: Arc<Revision>,
    pub(crate) state: Run,
    pub(crate) seq: Seq,
}

/// Returns the journal of a stage that has begun.
pub(crate) fn journal_of(run: RunId, stage: &Stage) -> Option<Journal> {
    (stage.journal > 0).then(|| Journal { run, stage: stage.id.to_string(), attempt: stage.journal })
}

/// The change that forgets the effect a stage is in doubt about.
pub(super) fn forget(run: RunId, stage: &Stage) -> Option<EffectChange> {
    let StageState::NeedsAttention { doubt } = &stage.state else { return None };
    let (journal, ordinal) = (journal_of(run, stage)?, doubt.intent.ordinal);
    Some(EffectChange { journal, ordinal, held: None, write: WriteEffect::Forget })
}

pub(super) fn parse_state(run: RunId, state: &str) -> Result<Run, DispatchError> {
    serde_json::from_str(state).map_err(|error| {
        tracing::error!(run.id = %run, %error, "the stored state of a run cannot be read");
        StoreError::Malformed { column: "state", value: error.to_string() }.into()
    })
}
