//! Up to where the log is no longer whole: the highest position that was ever forgotten, by project.
//!
//! What is forgotten lies anywhere below: entries of a run go together, and those of a run that is kept stay. So a
//! reader that was behind a cut may have missed something, and one that is past it has not.
//!
//! Invariant: a cut is here before anything below it is gone from the log. Whoever reads the log first and asks for the
//! cut afterwards is never told too little.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use kiket_core::ProjectId;

use crate::Position;

/// The cuts of all projects.
#[derive(Default)]
pub(crate) struct Cuts {
    /// The highest of all.
    highest: AtomicI64,
    projects: Mutex<HashMap<ProjectId, i64>>,
}

impl Cuts {
    /// Moves a project's cut; it never goes back.
    pub(crate) fn raise(&self, project: ProjectId, position: i64) {
        let mut projects = self.projects.lock().unwrap_or_else(PoisonError::into_inner);
        let cut = projects.entry(project).or_default();
        *cut = position.max(*cut);
        self.highest.fetch_max(position, Ordering::SeqCst);
    }

    /// The cut of a project, or the highest of all.
    pub(crate) fn get(&self, project: Option<ProjectId>) -> Position {
        let Some(project) = project else { return Position::new(self.highest.load(Ordering::SeqCst)) };
        let projects = self.projects.lock().unwrap_or_else(PoisonError::into_inner);
        Position::new(projects.get(&project).copied().unwrap_or_default())
    }
}
