//! The manifest that a component carries: its actions and guards, what each takes and gives, and what it asks for.
//!
//! Its shape is one table like that of every file of ours, and closed. What stands in it is what the plugin says of
//! itself: it asks, and grants nothing.

mod derived;
mod read;
mod record;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::diagnostic::Diagnostic;
use crate::grants::Capability;
use crate::shape::json_schema;

pub use derived::{Completed, Derived, Parts};

/// The action or guard that `uses: notify` names, where nothing stands behind the plugin.
pub const DEFAULT_ACTION: &str = "run";

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    /// Short name, as `uses:` names a bundled plugin.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Who wrote it.
    pub author: String,
    /// SPDX expression.
    pub license: String,
    /// Its actions by name.
    pub actions: BTreeMap<String, ActionManifest>,
    /// Its guards by name. There is an action or a guard.
    pub guards: BTreeMap<String, GuardManifest>,
    /// The capabilities it asks for.
    pub capabilities: Vec<Ask>,
    /// What can be set of it, by name.
    pub configuration: BTreeMap<String, Setting>,
}

/// One action of a plugin.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ActionManifest {
    /// What it does.
    pub description: String,
    /// What a crash in its middle means.
    pub effect: Effect,
    /// How long it takes at most where the stage says nothing.
    pub timeout: Option<Duration>,
    /// JSON Schema of the input; anything where none is given.
    pub input: Option<Json>,
    /// JSON Schema of the output; anything where none is given.
    pub output: Option<Json>,
}

/// One guard of a plugin: it is asked whether a transition may be taken.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct GuardManifest {
    /// What it looks at.
    pub description: String,
    /// How long it takes at most where the transition says nothing.
    pub timeout: Option<Duration>,
    /// JSON Schema of the input; anything where none is given.
    pub input: Option<Json>,
}

/// A capability that a plugin asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ask {
    /// The capability.
    pub capability: Capability,
    /// Whether it works without it, and only some of what it does needs it.
    pub optional: bool,
    /// What it needs it for.
    pub reason: String,
}

/// Something that can be set of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: SettingType,
    /// What it means.
    pub description: String,
    /// Whether it is a secret, which is never shown.
    pub secret: bool,
    /// Whether the plugin does not work without it.
    pub required: bool,
    /// The value where none is set.
    pub default: Option<Json>,
}

/// What a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SettingType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
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

/// A manifest that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the manifest cannot be read: {0}")]
pub struct InvalidManifest(pub String);

impl Effect {
    pub(crate) const NAMES: [&'static str; 4] = ["pure", "idempotent", "checkable", "once"];

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

impl SettingType {
    const NAMES: [&'static str; 4] = ["string", "integer", "number", "boolean"];

    fn from_word(word: &str) -> Option<Self> {
        let all = [Self::String, Self::Integer, Self::Number, Self::Boolean];
        Self::NAMES.iter().zip(all).find(|(name, _)| **name == word).map(|(_, found)| found)
    }

    /// Tells whether a value is of this type.
    #[must_use]
    pub fn takes(self, value: &Json) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
        }
    }
}

impl Manifest {
    /// Reads the YAML text of a manifest. The error names every problem with its line.
    pub fn parse(text: &str) -> Result<Self, InvalidManifest> {
        let (manifest, found) = Self::read("manifest.yaml", text);
        let line = |found: &Diagnostic| {
            let hint = found.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("line {}: {}{hint}", found.span.line, found.message)
        };
        manifest.ok_or_else(|| InvalidManifest(found.iter().map(line).collect::<Vec<_>>().join("; ")))
    }

    /// Reads the YAML text of a manifest at a path, and reports every problem. There is a manifest where there is none.
    #[must_use]
    pub fn read(path: &str, text: &str) -> (Option<Self>, Vec<Diagnostic>) {
        read::read(path, text)
    }

    /// Returns the JSON Schema of manifests.
    #[must_use]
    pub fn schema() -> Json {
        json_schema("kiket plugin manifest", &record::FILE)
    }
}
