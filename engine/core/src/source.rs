//! A definition file as it was read: where it stood and what it said.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One file below `.kiket/` at one commit, or in a working tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Path from the repository's root, with `/`: `.kiket/pipelines/release.yaml`.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// Where it comes from.
    pub origin: Origin,
}

impl Source {
    /// Makes a source of the project's own repository, whose branch and commit are not known.
    #[must_use]
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into(), origin: Origin::default() }
    }
}

/// Where a file comes from: which level, and on that level which repository, branch and commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Origin {
    /// The level.
    pub level: Level,
    /// Address of the repository; `None` for a working tree and for what is bundled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Branch of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Commit of the repository, 40 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// The levels that definitions come from; a higher one replaces a lower one whole, by kind and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Shipped with kiket.
    Bundled,
    /// The organisation's defaults, for every project of a server.
    Organisation,
    /// What is laid over one project's repository from another one.
    Project,
    /// The project's own repository.
    #[default]
    Repository,
}

impl Level {
    /// All levels, the weakest first.
    pub const ALL: [Self; 4] = [Self::Bundled, Self::Organisation, Self::Project, Self::Repository];

    /// Returns the level as it is written everywhere.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Bundled => "bundled",
            Self::Organisation => "organisation",
            Self::Project => "project",
            Self::Repository => "repository",
        }
    }

    /// Tells whether it is the project's own repository.
    #[must_use]
    pub fn is_repository(&self) -> bool {
        *self == Self::Repository
    }

    /// Returns the level that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word() == word)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
