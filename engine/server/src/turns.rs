//! Turns of projects: what is done for one project at a time, in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kiket_core::ProjectId;
use tokio::sync::OwnedMutexGuard;

/// The turns of all projects; one that was asked for is kept, so there are as many as projects.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<ProjectId, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits for a project's turn, and has it until what this returns is dropped.
    pub(crate) async fn take(&self, project: ProjectId) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(project).or_default());
        turn.lock_owned().await
    }
}
