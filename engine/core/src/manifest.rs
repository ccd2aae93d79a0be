//! The manifest that a component carries: which actions it has and what each takes and gives.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::diagnostic::Problems;
use crate::yaml;

/// The action that `uses: notify` names, where nothing stands behind the plugin.
pub const DEFAULT_ACTION: &str = "run";

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Short name, as `uses:` names a bundled plugin.
    pub id: String,
    /// Name for people.
    #[serde(default)]
    pub name: String,
    /// Semantic version.
    #[serde(default)]
    pub version: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Who wrote it.
    #[serde(default)]
    pub author: String,
    /// SPDX expression.
    #[serde(default)]
    pub license: String,
    /// Its actions by name.
    pub actions: BTreeMap<String, ActionManifest>,
    /// The capabilities it asks for.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

/// One action of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionManifest {
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// What a crash in its middle means.
    #[serde(default)]
    pub effect: Effect,
    /// How long it takes at most where the stage says nothing, for example `10m`.
    #[serde(default)]
    pub timeout: Option<String>,
    /// JSON Schema of the input; anything where none is given.
    #[serde(default)]
    pub input: Option<Json>,
    /// JSON Schema of the output.
    #[serde(default)]
    pub output: Option<Json>,
}

/// What may be done after a crash in the middle of an action; in order, from what may always be done again to what
/// may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It changes nothing outside: run it again.
    Pure,
    /// Repeating it with the same key changes nothing more.
    Idempotent,
    /// The plugin can find out what happened.
    Checkable,
    /// It may happen once at most: a person decides.
    #[default]
    Once,
}

/// A manifest that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the manifest cannot be read: {0}")]
pub struct InvalidManifest(pub String);

impl Effect {
    /// Returns the class that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Pure, Self::Idempotent, Self::Checkable, Self::Once].into_iter().find(|effect| effect.word() == word)
    }

    /// Returns the class as it is written everywhere.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Idempotent => "idempotent",
            Self::Checkable => "checkable",
            Self::Once => "once",
        }
    }
}

impl Manifest {
    /// Reads the YAML text of a manifest.
    pub fn parse(text: &str) -> Result<Self, InvalidManifest> {
        let mut problems = Problems::new("manifest.yaml");
        let Some(node) = yaml::read(text, &mut problems) else {
            let found = problems.into_diagnostics();
            let first = found.first().map(|found| format!("line {}: {}", found.span.line, found.message));
            return Err(InvalidManifest(first.unwrap_or_default()));
        };
        serde_json::from_value(node.to_json()).map_err(|error| InvalidManifest(error.to_string()))
    }
}
