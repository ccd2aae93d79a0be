//! The fold: what has happened has happened, so nothing here can fail.

use std::sync::Arc;

use super::doubt::DoubtCode;
use super::event::Event;
use super::state::{Run, RunStatus, Stage, StageState, Wait};
use crate::time::Timestamp;

/// The code of an attempt that a crash cut off; it counts as no failure.
pub(super) const INTERRUPTED: &str = "interrupted";

impl Run {
    /// Folds one event into the state. Events of stages that do not exist change nothing.
    pub fn apply(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::RunQueued(queued) => {
                let pending = |id: &Arc<str>| Stage {
                    id: Arc::clone(id),
                    state: StageState::Pending,
                    attempt: 0,
                    journal: 0,
                    failures: 0,
                    interruptions: 0,
                    order: 0,
                    kept_from: None,
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
            Event::RunWaiting {} => self.status = RunStatus::Waiting,
            Event::RunNeedsAttention {} => self.status = RunStatus::NeedsAttention,
            Event::RunCompensating {} => self.status = RunStatus::Compensating,
            Event::RunSucceeded { outputs } => {
                self.outputs = Some(Arc::clone(outputs));
                self.end(RunStatus::Succeeded, at);
            }
            Event::RunFailed { error, compensated } => {
                self.error.clone_from(error);
                self.compensated = *compensated;
                self.end(RunStatus::Failed, at);
            }
            Event::RunCancelled {} => self.end(RunStatus::Cancelled, at),
            Event::StageReady { stage } => {
                self.go_on();
                self.change(stage, |stage| stage.state = StageState::Ready);
            }
            Event::StageStarted { stage, attempt } => {
                self.go_on();
                self.change(stage, |stage| {
                    stage.state = StageState::Running;
                    stage.attempt = *attempt;
                    if stage.journal == 0 {
                        stage.journal = *attempt;
                    }
                    stage.started_at = Some(at);
                });
            }
            Event::StageRetrying { stage, error, until, .. } => self.change(stage, |stage| {
                stage.state = match until {
                    Some(until) => StageState::Waiting { wait: Wait::Retry { until: *until, error: error.clone() } },
                    None => StageState::Ready,
                };
                if error.code == INTERRUPTED {
                    stage.interruptions += 1;
                } else {
                    stage.failures += 1;
                    // What has failed is done anew from its beginning.
                    stage.journal = 0;
                }
            }),
            Event::ApprovalRequested { stage, request } => self.change(stage, |stage| {
                let wait = Wait::Approval { request: Arc::clone(request), granted: Vec::new() };
                stage.state = StageState::Waiting { wait };
                stage.started_at = Some(at);
            }),
            Event::ApprovalGranted { stage, by, .. } => self.change(stage, |stage| {
                if let StageState::Waiting { wait: Wait::Approval { granted, .. } } = &mut stage.state {
                    granted.push(by.clone());
                }
            }),
            Event::StageNeedsAttention { stage, doubt, .. } => {
                self.change(stage, |stage| stage.state = StageState::NeedsAttention { doubt: Arc::clone(doubt) });
            }
            // What follows from it follows as events of its own.
            Event::StageResolved { stage, .. } => self.change(stage, |stage| {
                if let StageState::NeedsAttention { doubt } = &stage.state
                    && doubt.code == DoubtCode::ReplayMismatch
                {
                    // What it noted is of no use: done again, it is done from its beginning.
                    stage.journal = 0;
                }
            }),
            // The stage's own failure follows.
            Event::ApprovalRejected { .. } | Event::ApprovalExpired { .. } => {}
            Event::StageSucceeded { stage, outputs, usage, kept_from, .. } => {
                let order = self.stages.iter().map(|stage| stage.order).max().unwrap_or_default() + 1;
                self.finish(stage, at, StageState::Succeeded { outputs: Arc::clone(outputs), usage: *usage });
                self.change(stage, |stage| {
                    stage.order = order;
                    stage.kept_from = *kept_from;
                });
            }
            Event::StageCompensated { stage } => self.change(stage, |stage| {
                if let StageState::Succeeded { outputs, usage } = &stage.state {
                    stage.state = StageState::Compensated { outputs: Arc::clone(outputs), usage: *usage };
                }
            }),
            Event::StageFailed { stage, error, allowed: true, kept_from, .. } => {
                self.finish(stage, at, StageState::AllowedFailure { error: error.clone() });
                self.change(stage, |stage| stage.kept_from = *kept_from);
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

    /// A run that waited, for whatever it was, runs again once something of it can.
    fn go_on(&mut self) {
        if matches!(self.status, RunStatus::Waiting | RunStatus::NeedsAttention) {
            self.status = RunStatus::Running;
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
