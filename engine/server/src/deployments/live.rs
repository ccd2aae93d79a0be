//! The live release of every app, in memory: what a request is answered with.
//!
//! It is written at the start and after every switch, and only says what is committed.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use kiket_core::ReleaseId;
use kiket_store::Release;

/// Live releases by project and app.
#[derive(Default)]
pub(super) struct Live(RwLock<HashMap<String, HashMap<String, Site>>>);

/// What is served: a release and the artifact it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) release: ReleaseId,
    pub(super) artifact: String,
}

impl Live {
    /// Returns what is live.
    pub(super) fn get(&self, project: &str, app: &str) -> Option<Site> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(project)?.get(app).cloned()
    }

    /// Puts a release in the place of whatever is there.
    pub(super) fn set(&self, release: &Release) {
        let mut projects = self.0.write().unwrap_or_else(PoisonError::into_inner);
        projects.entry(release.project_name.clone()).or_default().insert(release.app.clone(), Site::of(release));
    }
}

impl Site {
    pub(super) fn of(release: &Release) -> Self {
        Self { release: release.id, artifact: release.artifact.clone() }
    }
}
