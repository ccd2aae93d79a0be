//! The kinds of files: told by the root key, then by the path.

use serde_json::Value as Json;

use super::{
    automation, board, extension, inbound_email, intake, item_type, lock, pipeline, plugins, project, recipe, team,
    workflow,
};
use crate::shape::{Record, json_schema};
use crate::yaml::{Node, Value};

/// A kind of definition file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A DAG of stages.
    Pipeline,
    /// What plugins may do.
    Plugins,
    /// What plugins are and may do, pinned.
    Lock,
    /// A state machine.
    Workflow,
    /// What the project is.
    Project,
    /// Which roles there are, and who has them.
    Team,
    /// Which types of items there are.
    ItemTypes,
    /// Boards.
    Board,
    /// What happens by itself.
    Automations,
    /// An automation of one workflow.
    Recipe,
    /// A form that makes items.
    Intake,
    /// An extension of Kiket.
    Extension,
    /// Addresses whose mail becomes items.
    InboundEmail,
}

/// Root keys that tell the kind where a mapping stands behind them, in the order in which they count: the file of a
/// project may name a team as well.
const SECTIONS: [(&str, Kind); 9] = [
    ("project", Kind::Project),
    ("workspace", Kind::Project),
    ("recipe", Kind::Recipe),
    ("intake_form", Kind::Intake),
    ("intake", Kind::Intake),
    ("extension", Kind::Extension),
    ("inbound_email", Kind::InboundEmail),
    ("board", Kind::Board),
    ("team", Kind::Team),
];

/// Root keys that tell the kind where a list stands behind them.
const LISTS: [(&str, Kind); 4] = [
    ("issue_types", Kind::ItemTypes),
    ("case_types", Kind::ItemTypes),
    ("item_types", Kind::ItemTypes),
    ("boards", Kind::Board),
];

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Pipeline,
        Self::Plugins,
        Self::Lock,
        Self::Workflow,
        Self::Project,
        Self::Team,
        Self::ItemTypes,
        Self::Board,
        Self::Automations,
        Self::Recipe,
        Self::Intake,
        Self::Extension,
        Self::InboundEmail,
    ];

    /// Tells the kind of a file below `.kiket/`; `None` is one that kiket does not act on.
    #[must_use]
    pub fn of(path: &str, root: &Node) -> Option<Self> {
        if path == lock::NAME {
            return Some(Self::Lock);
        }
        if root.get("pipeline").is_some() {
            return Some(Self::Pipeline);
        }
        let section = |key: &str| matches!(root.get(key), Some(Node { value: Value::Mapping(_), .. }));
        let list = |key: &str| matches!(root.get(key), Some(Node { value: Value::Sequence(_), .. }));
        // Other files say which workflow they are about in the same words.
        if (section("workflow") || section("process")) && root.get("states").is_some() {
            return Some(Self::Workflow);
        }
        let section = SECTIONS.iter().find(|(key, _)| section(key));
        let told = section.or_else(|| LISTS.iter().find(|(key, _)| list(key))).map(|(_, kind)| *kind);
        // Workflows and boards hold automations of their own.
        told.or_else(|| Self::of_path(path, root)).or_else(|| list("automations").then_some(Self::Automations))
    }

    fn of_path(path: &str, root: &Node) -> Option<Self> {
        if recipe::workflow_of(path).is_some() {
            return Some(Self::Recipe);
        }
        let (folder, name) = path.split_once('/').unwrap_or(("", path));
        let stem = super::stem(name);
        let says = |keys: &[&str]| keys.iter().any(|key| root.get(key).is_some());
        match (folder, stem) {
            ("pipelines", _) => Some(Self::Pipeline),
            // Recipes and capacities stand further below.
            ("workflows", _) if !name.contains('/') => Some(Self::Workflow),
            ("boards", _) => Some(Self::Board),
            ("intakes", _) => Some(Self::Intake),
            ("automations", _) if says(&["automations", "automation", "trigger"]) => Some(Self::Automations),
            ("extensions", "manifest") => Some(Self::Extension),
            ("", "plugins") => Some(Self::Plugins),
            ("", "project" | "workspace") => Some(Self::Project),
            ("", "team") => Some(Self::Team),
            ("", "issue_types" | "case_types" | "item_types") => Some(Self::ItemTypes),
            ("", "inbound_email") => Some(Self::InboundEmail),
            _ => None,
        }
    }

    /// Returns the kind as it is written everywhere.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Plugins => "plugins",
            Self::Lock => "lock",
            Self::Workflow => "workflow",
            Self::Project => "project",
            Self::Team => "team",
            Self::ItemTypes => "item_types",
            Self::Board => "board",
            Self::Automations => "automations",
            Self::Recipe => "recipe",
            Self::Intake => "intake",
            Self::Extension => "extension",
            Self::InboundEmail => "inbound_email",
        }
    }

    /// Tells whether files of the kind are kiket's own, and closed: an unknown key is an error. Kiket's are open.
    #[must_use]
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Pipeline | Self::Plugins | Self::Lock)
    }

    /// Tells whether this version does what files of the kind say, and does not only check them.
    #[must_use]
    pub fn is_acted_on(self) -> bool {
        match self {
            Self::Pipeline | Self::Plugins | Self::Lock | Self::Workflow | Self::Project | Self::ItemTypes => true,
            Self::Team
            | Self::Board
            | Self::Automations
            | Self::Recipe
            | Self::Intake
            | Self::Extension
            | Self::InboundEmail => false,
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
            Self::Lock => &lock::FILE,
            Self::Workflow => &workflow::FILE,
            Self::Project => &project::FILE,
            Self::Team => &team::FILE,
            Self::ItemTypes => &item_type::FILE,
            Self::Board => &board::FILE,
            Self::Automations => &automation::FILE,
            Self::Recipe => &recipe::FILE,
            Self::Intake => &intake::FILE,
            Self::Extension => &extension::FILE,
            Self::InboundEmail => &inbound_email::FILE,
        }
    }
}
