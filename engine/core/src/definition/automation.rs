//! `automations/*.yaml`: what happens by itself, on an event or at a time, and to which items.

use std::time::Duration;

use croner::Cron;

use super::action::{self, ActionDefinition};
use super::condition::{self, Condition};
use super::lenient::{FLAG, NAMES, first, flag_at, located_at, place_of, report_twins, scalars, scalars_at};
use super::schedule;
use crate::decode::{Located, duration_at, items, scalar_at};
use crate::diagnostic::{Code, Problems};
use crate::expression::Names;
use crate::shape::{Entry, Record, Shape, open, optional};
use crate::yaml::{Node, Value};

/// A file of automations.
pub(super) static FILE: Record = open(
    "an automation file",
    "What happens by itself; a file of one automation may say it on the first level.",
    &[
        optional("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        optional("automations", Shape::List(&Shape::Record(&AUTOMATION)), "The automations."),
        optional("automation", Shape::Record(&AUTOMATION), "The only one."),
    ],
)
.with_beside(&AUTOMATION);

static AUTOMATION: Record = open(
    "automation",
    "What happens by itself.",
    &[
        optional("id", Shape::Scalar, "The id; the name of the file with its place in it where none is given."),
        optional("key", Shape::Scalar, "The id, under its other name."),
        optional("name", Shape::Scalar, "Name for people; the id where none is given."),
        optional("description", Shape::Scalar, "What it is for."),
        optional("version", Shape::Scalar, "Its version."),
        optional("enabled", FLAG, "Whether it works; yes where nothing is said."),
        optional("trigger", TEXT_OR_TRIGGER, "What starts it: an event, or more."),
        optional("query", QUERY_OR_ANY, "The items that a scheduled one goes through."),
        CONDITIONS,
        optional("actions", action::ACTIONS, "What happens, in order."),
    ],
);

const CONDITIONS: Entry = optional("conditions", condition::CONDITIONS, "What has to hold of the item.");
const TEXT_OR_TRIGGER: Shape = Shape::Either(&[Shape::Text, Shape::Record(&TRIGGER)]);
const QUERY_OR_ANY: Shape = Shape::Either(&[Shape::Record(&QUERY), Shape::Any]);

static TRIGGER: Record = open(
    "trigger",
    "What starts an automation.",
    &[
        optional("event", Shape::OneOrList(&Shape::Text), "The event, or `schedule`."),
        CONDITIONS,
        optional("when", Shape::Text, "The same as one text: priority == 'high'."),
        optional("cron", Shape::Text, "Five fields: minute, hour, day of the month, month, day of the week; in UTC."),
    ],
);

static QUERY: Record = open(
    "query",
    "The items that a scheduled automation goes through.",
    &[
        optional("issue_types", NAMES, "Their types."),
        optional("case_types", NAMES, "Their types, under their other name."),
        optional("item_types", NAMES, "Their types, under their other name."),
        optional("status", Shape::OneOrList(&Shape::Scalar), "Their states."),
        optional("state", Shape::OneOrList(&Shape::Scalar), "Their states, under their other name."),
        optional("last_updated_before", Shape::Duration, "How long nothing has happened to them."),
    ],
);

/// An automation as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct AutomationDefinition {
    /// The id.
    pub id: Located<String>,
    /// Name for people.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it works.
    pub enabled: bool,
    /// What starts it.
    pub trigger: AutomationTrigger,
    /// The items that a scheduled one goes through.
    pub query: Option<QueryDefinition>,
    /// What has to hold of the item, by the trigger and by the automation itself.
    pub condition: Condition,
    /// What happens, in order.
    pub actions: Vec<ActionDefinition>,
}

/// What starts an automation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AutomationTrigger {
    /// Events, as written: `issue.created`. Times are not among them.
    pub events: Vec<Located<String>>,
    /// A time that repeats, in UTC.
    pub schedule: Option<Cron>,
}

/// The items that a scheduled automation goes through: those of which all of it is true.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueryDefinition {
    /// Types of items; empty is all.
    pub types: Vec<Located<String>>,
    /// States; empty is all.
    pub states: Vec<Located<String>>,
    /// How long nothing has happened to them.
    pub last_updated_before: Option<Duration>,
}

impl AutomationDefinition {
    /// Reads the automations of a file; `stem` is its name without its ending.
    pub(super) fn decode_file(node: &Node, stem: &str, problems: &mut Problems<'_>) -> Vec<Self> {
        FILE.check(node, problems);
        let listed = items(Some(first(node, &["automations", "automation"]).unwrap_or(node)));
        let single = listed.len() == 1;
        let id_of = |place: usize| if single { stem.to_owned() } else { format!("{stem}-{}", place + 1) };
        let automations: Vec<Self> =
            listed.iter().enumerate().filter_map(|(place, node)| Self::decode(node, &id_of(place), problems)).collect();
        report_twins(automations.iter().map(|automation| &automation.id), "automation", problems);
        automations
    }

    fn decode(node: &Node, fallback: &str, problems: &mut Problems<'_>) -> Option<Self> {
        if !matches!(node.value, Value::Mapping(_)) {
            return None;
        }
        let place = place_of(node);
        let id =
            located_at(node, &["id", "key"]).unwrap_or_else(|| Located { value: fallback.to_owned(), span: place });
        let Some(trigger) = first(node, &["trigger", "on"]) else {
            let message = format!("automation \"{:.60}\" has no \"trigger\"", id.value);
            problems.report_with_hint(
                Code::MissingKey,
                place,
                message,
                "say what starts it: trigger: { event: item.created }",
            );
            return None;
        };
        Some(Self {
            name: scalar_at(node, "name").unwrap_or_else(|| id.value.clone()),
            description: scalar_at(node, "description"),
            enabled: flag_at(node, "enabled").unwrap_or(true),
            query: node.get("query").map(QueryDefinition::decode),
            condition: decode_condition(trigger, node, problems),
            actions: ActionDefinition::decode_list(
                first(node, &["actions", "run"]),
                &Names::of(&action::NAMES),
                problems,
            ),
            trigger: AutomationTrigger::decode(trigger, problems),
            id,
        })
    }
}

impl AutomationTrigger {
    fn decode(node: &Node, problems: &mut Problems<'_>) -> Self {
        // `trigger: issue.created`
        let mapping = matches!(node.value, Value::Mapping(_));
        let mut events = if mapping { scalars_at(node, &["event", "events"]) } else { scalars(Some(node)) };
        let schedule = schedule::decode(node, &mut events, problems);
        Self { events, schedule }
    }
}

/// Reads what has to hold: the trigger's conditions and predicate, and those of the automation.
fn decode_condition(trigger: &Node, automation: &Node, problems: &mut Problems<'_>) -> Condition {
    let mut conditions = vec![
        Condition::decode(trigger.get("conditions"), problems),
        Condition::decode(trigger.get("when"), problems),
        Condition::decode(automation.get("conditions"), problems),
    ];
    conditions.retain(|condition| !condition.is_always());
    if conditions.len() == 1 { conditions.remove(0) } else { Condition::All(conditions) }
}

impl QueryDefinition {
    fn decode(node: &Node) -> Self {
        Self {
            types: scalars_at(node, &["issue_types", "case_types", "item_types", "issue_type", "case_type", "type"]),
            states: scalars_at(node, &["status", "state", "statuses", "states"]),
            last_updated_before: duration_at(node, "last_updated_before"),
        }
    }
}
