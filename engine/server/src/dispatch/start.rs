//! What a run starts with: a cause, and where it goes on from another run, that one.

use std::sync::Arc;

use kiket_core::planted::{Bug, planted};
use kiket_core::run::{Command, Queued, Run};
use kiket_core::{ProjectId, RevisionId};
use kiket_store::RunHead;

/// A run to be.
#[derive(Clone)]
pub(crate) struct NewRun {
    pub(crate) project: ProjectId,
    pub(crate) revision: RevisionId,
    pub(crate) queued: Queued,
    /// The same cause starts at most one run.
    pub(crate) trigger_key: Option<String>,
}

/// A run to be, and what more is known of how it came about.
pub(crate) struct Start {
    pub(crate) new: NewRun,
    /// SHA-256 of the request that it is asked for with, under its trigger key.
    pub(crate) request: Option<String>,
    /// The ended run that it goes on from.
    pub(crate) before: Option<Before>,
}

/// An ended run that another goes on from.
pub(crate) struct Before {
    /// As it ended.
    pub(crate) run: Arc<Run>,
    /// The stage that is done again with everything after it, whatever became of it.
    pub(crate) from: Option<Arc<str>>,
}

impl From<NewRun> for Start {
    fn from(new: NewRun) -> Self {
        Self { new, request: None, before: None }
    }
}

impl Start {
    pub(super) fn command(&self) -> Command {
        let queued = Arc::new(self.new.queued.clone());
        match &self.before {
            Some(Before { run, from }) => Command::Resume { queued, before: Arc::clone(run), from: from.clone() },
            None => Command::Queue(queued),
        }
    }

    pub(super) fn head(&self) -> RunHead {
        let (new, known) = (&self.new, !planted(Bug::TriggerKeyIgnored));
        RunHead {
            pipeline: new.queued.pipeline.clone(),
            revision: new.revision,
            commit: new.queued.commit.clone(),
            reference: new.queued.reference.clone(),
            trigger: serde_json::to_string(&new.queued.trigger).unwrap_or_else(|_| "{}".to_owned()),
            trigger_key: new.trigger_key.clone().filter(|_| known),
            request: self.request.clone().filter(|_| known),
        }
    }
}
