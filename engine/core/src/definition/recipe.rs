//! `workflows/<id>/automation_recipes/*.yaml`: an automation of one workflow, which people may have to agree to.

use croner::Cron;
use serde_json::Value as Json;

use super::action::{self, ActionDefinition};
use super::condition::{self, Condition};
use super::lenient::{FLAG, flag_at, flattened, json_at, located_at, place_of, scalars};
use super::schedule;
use crate::decode::{Located, scalar_at};
use crate::diagnostic::Problems;
use crate::expression::Names;
use crate::shape::{Record, Shape, checked, open, optional};
use crate::yaml::Node;

/// The folder of a workflow's recipes.
const FOLDER: &str = "automation_recipes";

/// A file of one recipe.
pub(super) static FILE: Record = open(
    "a recipe file",
    "An automation of one workflow; what it is may stand below `recipe:` or on the first level.",
    &[
        optional("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        optional("recipe", Shape::Record(&RECIPE), "The recipe."),
    ],
)
.with_beside(&RECIPE);

static RECIPE: Record = open(
    "recipe",
    "An automation of one workflow.",
    &[
        optional("key", Shape::Scalar, "The id; the name of the file without its ending where none is given."),
        optional("name", Shape::Scalar, "Name for people; the id where none is given."),
        optional("description", Shape::Scalar, "What it is for."),
        optional("trigger", Shape::Any, "The event that starts it, or `scheduled`."),
        optional(
            "schedule",
            Shape::Any,
            "When it starts, five fields: minute, hour, day of the month, month, day of the week; in UTC.",
        ),
        optional("conditions", condition::CONDITIONS, "What has to hold of the item."),
        checked("guards", Shape::Any, "Extensions that are asked before the transition."),
        optional("actions", action::ACTIONS, "What happens, in order."),
        optional("requires_approval", FLAG, "Whether somebody has to agree each time."),
        optional("metadata", Shape::Any, "Anything else."),
    ],
);

/// A recipe as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct RecipeDefinition {
    /// The workflow that it belongs to, by its path; `None` for a recipe that lies elsewhere.
    pub workflow: Option<String>,
    /// The id, unique among the recipes of its workflow.
    pub key: Located<String>,
    /// Name for people.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Events that start it, as written: `issue.updated`. Times are not among them.
    pub events: Vec<Located<String>>,
    /// A time that repeats, in UTC.
    pub schedule: Option<Cron>,
    /// What has to hold of the item.
    pub condition: Condition,
    /// Extensions that are asked before the transition, as written.
    pub guards: Option<Node>,
    /// What happens, in order.
    pub actions: Vec<ActionDefinition>,
    /// Whether somebody has to agree each time.
    pub requires_approval: bool,
    /// Anything else, as written.
    pub metadata: Option<Json>,
}

/// Returns the workflow that a recipe at this path below `.kiket/` belongs to.
pub(super) fn workflow_of(path: &str) -> Option<&str> {
    let (workflow, rest) = path.strip_prefix("workflows/")?.split_once('/')?;
    rest.strip_prefix(FOLDER)?.starts_with('/').then_some(workflow)
}

impl RecipeDefinition {
    pub(super) fn decode(node: &Node, path: &str, stem: &str, problems: &mut Problems<'_>) -> Self {
        FILE.check(node, problems);
        let node = &flattened(node, &["recipe"]);
        let key = located_at(node, &["key", "id"]);
        let key = key.unwrap_or_else(|| Located { value: stem.to_owned(), span: place_of(node) });
        let trigger = node.get("trigger");
        // `trigger: { event: …, schedule: … }`, as automations say it.
        let mut events = scalars(trigger.map(|node| node.get("event").unwrap_or(node)));
        let timed = trigger.filter(|trigger| trigger.get("schedule").or(trigger.get("cron")).is_some());
        Self {
            workflow: workflow_of(path).map(str::to_owned),
            name: scalar_at(node, "name").unwrap_or_else(|| key.value.clone()),
            description: scalar_at(node, "description"),
            schedule: schedule::decode(timed.unwrap_or(node), &mut events, problems),
            events,
            condition: Condition::decode(node.get("conditions"), problems),
            guards: node.get("guards").cloned(),
            actions: ActionDefinition::decode_list(node.get("actions"), &Names::of(&action::NAMES), problems),
            requires_approval: flag_at(node, "requires_approval").unwrap_or(false),
            metadata: json_at(node, "metadata"),
            key,
        }
    }
}
