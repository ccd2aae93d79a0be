//! The fold: what has happened has happened, so nothing here can fail.

use std::sync::Arc;

use super::event::Event;
use super::state::{Run, RunStatus, Stage, StageState};
use crate::time::Timestamp;

impl Run {
    /// Folds one event into the state. Events of stages that do not exist change nothing.
    pub fn apply(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::RunQueued(queued) => {
                let pending = |id: &Arc<str>| Stage {
                    id: Arc::clone(id),
                    state: StageState::Pending,
                    attempt: 0,
                    started_at: None,
                    finished_at: None,
                };
                self.stages = queued.stages.iter().map(pending).collect();
                self.queued = Some(Arc::clone(queued));
                self.created_at = Some(at);
            }
            Event::RunStarted {} => {
                self.status = RunStatus::Running;
                self.started_at = Some(at);
            }
            Event::RunSucceeded { outputs } => {
                self.outputs = Some(Arc::clone(outputs));
                self.end(RunStatus::Succeeded, at);
            }
            Event::RunFailed { error } => {
                self.error.clone_from(error);
                self.end(RunStatus::Failed, at);
            }
            Event::RunCancelled {} => self.end(RunStatus::Cancelled, at),
            Event::StageReady { stage } => self.change(stage, |stage| stage.state = StageState::Ready),
            Event::StageStarted { stage, attempt } => self.change(stage, |stage| {
                stage.state = StageState::Running;
                stage.attempt = *attempt;
                stage.started_at = Some(at);
            }),
            Event::StageRetrying { stage, .. } => self.change(stage, |stage| stage.state = StageState::Ready),
            Event::StageSucceeded { stage, outputs, usage, .. } => {
                self.finish(stage, at, StageState::Succeeded { outputs: Arc::clone(outputs), usage: *usage });
            }
            Event::StageFailed { stage, error, allowed: true, .. } => {
                self.finish(stage, at, StageState::AllowedFailure { error: error.clone() });
            }
            Event::StageFailed { stage, error, allowed: false, .. } => {
                self.finish(stage, at, StageState::Failed { error: error.clone() });
            }
            Event::StageSkipped { stage, reason } => {
                self.finish(stage, at, StageState::Skipped { reason: reason.clone() });
            }
            Event::StageCancelled { stage } => self.finish(stage, at, StageState::Cancelled),
        }
    }

    fn end(&mut self, status: RunStatus, at: Timestamp) {
        self.status = status;
        self.finished_at = Some(at);
    }

    fn finish(&mut self, id: &str, at: Timestamp, state: StageState) {
        self.change(id, |stage| {
            stage.state = state;
            stage.finished_at = Some(at);
        });
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Stage)) {
        if let Some(stage) = self.stages.iter_mut().find(|stage| &*stage.id == id) {
            change(stage);
        }
    }
}
