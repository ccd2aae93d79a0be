//! A definition file as it was read: where it stood and what it said.

use serde::{Deserialize, Serialize};

/// One file below `.kiket/` at one commit, or in a working tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Path from the repository's root, with `/`: `.kiket/pipelines/release.yaml`.
    pub path: String,
    /// The whole text.
    pub text: String,
}
