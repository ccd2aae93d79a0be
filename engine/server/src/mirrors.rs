//! Where the mirrors of the projects' repositories lie.

use std::path::{Path, PathBuf};

use kiket_core::ProjectId;

/// Returns the folder of the mirror of a project's own repository.
pub(crate) fn of_project(mirrors: &Path, project: ProjectId) -> PathBuf {
    mirrors.join(format!("{project}.git"))
}
