//! The kinds of files: told by the root key, then by the path.

use serde_json::Value as Json;

use super::{pipeline, plugins};
use crate::shape::{Record, json_schema};
use crate::yaml::Node;

/// A kind of definition file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A DAG of stages.
    Pipeline,
    /// What plugins may do.
    Plugins,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Pipeline, Self::Plugins];

    /// Tells the kind of a file below `.kiket/`; `None` is one that kiket does not act on.
    #[must_use]
    pub fn of(path: &str, root: &Node) -> Option<Self> {
        if root.get("pipeline").is_some() || path.starts_with("pipelines/") {
            return Some(Self::Pipeline);
        }
        path.starts_with("plugins.").then_some(Self::Plugins)
    }

    /// Returns the kind as it is written everywhere.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Plugins => "plugins",
        }
    }

    /// Returns the JSON Schema of the files of this kind.
    #[must_use]
    pub fn schema(self) -> Json {
        json_schema(&format!("kiket {}", self.word()), self.shape())
    }

    fn shape(self) -> &'static Record {
        match self {
            Self::Pipeline => &pipeline::FILE,
            Self::Plugins => &plugins::FILE,
        }
    }
}
