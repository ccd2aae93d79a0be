//! The kinds of files: told by the root key, then by the path.

use serde_json::Value as Json;

use super::{pipeline, plugins, workflow};
use crate::shape::{Record, json_schema};
use crate::yaml::{Node, Value};

/// A kind of definition file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A DAG of stages.
    Pipeline,
    /// What plugins may do.
    Plugins,
    /// A state machine.
    Workflow,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Pipeline, Self::Plugins, Self::Workflow];

    /// Tells the kind of a file below `.kiket/`; `None` is one that kiket does not act on.
    #[must_use]
    pub fn of(path: &str, root: &Node) -> Option<Self> {
        if root.get("pipeline").is_some() || path.starts_with("pipelines/") {
            return Some(Self::Pipeline);
        }
        if path.starts_with("plugins.") {
            return Some(Self::Plugins);
        }
        is_workflow(path, root).then_some(Self::Workflow)
    }

    /// Returns the kind as it is written everywhere.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Plugins => "plugins",
            Self::Workflow => "workflow",
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
            Self::Workflow => &workflow::FILE,
        }
    }
}

/// A workflow says so by its root key, or stands in `workflows/` itself; recipes and capacities stand further below.
fn is_workflow(path: &str, root: &Node) -> bool {
    let says_so =
        ["workflow", "process"].iter().any(|key| matches!(root.get(key), Some(Node { value: Value::Mapping(_), .. })));
    says_so || path.strip_prefix("workflows/").is_some_and(|rest| !rest.contains('/'))
}
