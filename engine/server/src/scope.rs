//! What a token may do, in words. Each scope is what it says and nothing beside it; only `admin` is everything.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// See everything of the project, or of every project.
    Read,
    /// Start, cancel and retry runs.
    Runs,
    /// Say yes or no to what waits for people, and what became of an effect in doubt.
    Approve,
    /// Make and change items.
    Items,
    /// Add projects, sync them, and set their plain values.
    Projects,
    /// Set and remove secrets.
    Secrets,
    /// Everything, tokens and the audit log with it.
    Admin,
}

impl Scope {
    /// All of them, the least first.
    pub(crate) const ALL: [Self; 7] =
        [Self::Read, Self::Runs, Self::Approve, Self::Items, Self::Projects, Self::Secrets, Self::Admin];

    /// The word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Runs => "runs",
            Self::Approve => "approve",
            Self::Items => "items",
            Self::Projects => "projects",
            Self::Secrets => "secrets",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word).ok_or_else(|| format!("`{word}` is no scope"))
    }
}
