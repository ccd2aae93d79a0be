//! What a board has besides its columns: rows, filters and buttons.

use serde_json::Value as Json;

use super::lenient::{FLAG, NAMES, first, flag_at, located, located_at, scalars_at};
use crate::decode::{Located, items, scalar_at};
use crate::shape::{Record, Shape, open, optional};
use crate::yaml::{Node, Value};

/// Rows: a mapping that says more, or the field's name alone.
pub(super) const SWIMLANES: Shape = Shape::Either(&[Shape::Record(&ROWS), Shape::Any]);
pub(super) const FILTERS: Shape = Shape::Either(&[Shape::Record(&FILTER), Shape::Any]);
pub(super) const QUICK_FILTERS: Shape = Shape::Either(&[Shape::List(&QUICK), Shape::Any]);
pub(super) const ACTIONS: Shape = Shape::Either(&[Shape::List(&BUTTON), Shape::Any]);

const QUICK: Shape = Shape::Either(&[Shape::Record(&QUICK_FILTER), Shape::Any]);
const BUTTON: Shape = Shape::Either(&[Shape::Record(&ACTION), Shape::Any]);
const LANES: Shape = Shape::Either(&[Shape::List(&Shape::Either(&[Shape::Scalar, Shape::Record(&LANE)])), Shape::Any]);

static ROWS: Record = open(
    "swimlanes",
    "Rows across the columns.",
    &[
        optional("enabled", FLAG, "Whether there are rows; yes where nothing is said."),
        optional("field", Shape::Scalar, "The field whose value decides."),
        optional("group_by", Shape::Scalar, "The field, under its other name."),
        optional("values", LANES, "The rows, each by a value of the field."),
        optional("lanes", LANES, "The rows, under their other name."),
    ],
);

static LANE: Record = open(
    "lane",
    "A row: the items with one value of the field.",
    &[
        optional("value", Shape::Scalar, "The value."),
        optional("key", Shape::Scalar, "The value, under its other name."),
        optional("label", Shape::Scalar, "Name for people; the value where none is given."),
        optional("name", Shape::Scalar, "Name for people, under its other name."),
        optional("color", Shape::Scalar, "Its color."),
        optional("priority", Shape::Any, "Where it stands among the rows."),
    ],
);

static FILTER: Record = open(
    "filters",
    "Which items a board shows.",
    &[
        optional("issue_types", NAMES, "The types of items."),
        optional("case_types", NAMES, "The types of items, under their other name."),
        optional("item_types", NAMES, "The types of items, under their other name."),
        optional("workflows", NAMES, "The workflows."),
        optional("quick", Shape::Any, "Filters that people switch on and off, as queries."),
    ],
);

static QUICK_FILTER: Record = open(
    "quick filter",
    "A filter that people switch on and off.",
    &[
        optional("key", Shape::Scalar, "The key."),
        optional("label", Shape::Scalar, "Name for people."),
        optional("name", Shape::Scalar, "Name for people, under its other name."),
        optional("field", Shape::Scalar, "The field that is looked at."),
        optional("value", Shape::Any, "The value that it has to have; \"@me\" is whoever looks."),
        optional("values", Shape::Any, "The values of which it has to have one."),
        optional("query", Shape::Scalar, "A condition on the item, instead of a field and its value."),
    ],
);

static ACTION: Record = open(
    "action",
    "A button on a card.",
    &[
        optional("key", Shape::Scalar, "The key."),
        optional("name", Shape::Scalar, "What stands on it."),
        optional("icon", Shape::Scalar, "The name of its icon."),
        optional("transition", Shape::Scalar, "The state that it leads to, or the name of the transition."),
        optional("confirm", Shape::Any, "Whether people are asked first."),
        optional("confirm_message", Shape::Scalar, "What they are asked."),
        optional(
            "available_states",
            Shape::OneOrList(&Shape::Scalar),
            "The states in which it is there; all where none is given.",
        ),
        optional("style", Shape::Scalar, "How it looks."),
    ],
);

/// Rows across the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swimlanes {
    /// Whether there are rows.
    pub enabled: bool,
    /// The field whose value decides.
    pub field: Option<String>,
    /// The rows; one for each value there is where none is listed.
    pub lanes: Vec<Lane>,
}

/// A row: the items with one value of the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// The value.
    pub value: String,
    /// Name for people.
    pub label: String,
    /// Its color, as written.
    pub color: Option<String>,
}

/// Which items a board shows: those of these types and workflows; an empty list is all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filters {
    /// Types of items.
    pub types: Vec<Located<String>>,
    /// Workflows.
    pub workflows: Vec<Located<String>>,
    /// Filters that people switch on and off.
    pub quick: Vec<QuickFilter>,
    /// All of it, as written.
    pub written: Json,
}

/// A filter that people switch on and off.
#[derive(Debug, Clone, PartialEq)]
pub struct QuickFilter {
    /// The key.
    pub key: Option<String>,
    /// Name for people.
    pub label: String,
    /// What it asks for.
    pub asks: FilterQuestion,
}

/// What a filter asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum FilterQuestion {
    /// That a field has one of these values.
    Field {
        /// The field's path, as written: `custom_fields.severity`.
        field: String,
        /// The values; `@me` is whoever looks.
        values: Vec<Json>,
    },
    /// That a condition on the item holds, as written.
    Query(String),
}

/// A button on a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardAction {
    /// The key.
    pub key: Located<String>,
    /// What stands on it.
    pub name: String,
    /// The name of its icon.
    pub icon: Option<String>,
    /// The state that it leads to, or the name of the transition.
    pub transition: Option<Located<String>>,
    /// What people are asked first; `None` asks nothing.
    pub confirm: Option<String>,
    /// The states in which it is there; all where none is listed.
    pub available_states: Vec<Located<String>>,
    /// How it looks, as written.
    pub style: Option<String>,
}

impl Swimlanes {
    pub(super) fn decode(node: &Node) -> Self {
        let field = located_at(node, &["field", "group_by", "by"]).or_else(|| Located::text(node));
        let lanes = items(first(node, &["values", "lanes"])).iter().filter_map(Lane::decode).collect();
        let off = matches!(node.value, Value::Bool(false) | Value::Null) || flag_at(node, "enabled") == Some(false);
        Self { enabled: !off, field: field.map(|field| field.value), lanes }
    }
}

impl Lane {
    fn decode(node: &Node) -> Option<Self> {
        let value = located(node).or_else(|| located_at(node, &["value", "key", "name"]))?.value;
        let label = located_at(node, &["label", "name"]).map_or_else(|| value.clone(), |label| label.value);
        Some(Self { value, label, color: scalar_at(node, "color") })
    }
}

impl Filters {
    pub(super) fn decode(node: &Node) -> Self {
        Self {
            types: scalars_at(node, &["issue_types", "case_types", "item_types", "types"]),
            workflows: scalars_at(node, &["workflows", "workflow"]),
            quick: items(node.get("quick")).iter().filter_map(QuickFilter::decode).collect(),
            written: node.to_json(),
        }
    }
}

impl QuickFilter {
    pub(super) fn decode(node: &Node) -> Option<Self> {
        let asks = match (located_at(node, &["field"]), scalar_at(node, "query")) {
            (Some(field), _) => {
                let values = items(first(node, &["values", "value"])).iter().map(Node::to_json).collect();
                FilterQuestion::Field { field: field.value, values }
            }
            (None, query) => FilterQuestion::Query(query?),
        };
        let key = scalar_at(node, "key");
        let label = located_at(node, &["label", "name"]).map(|label| label.value).or_else(|| key.clone())?;
        Some(Self { key, label, asks })
    }
}

impl BoardAction {
    pub(super) fn decode(node: &Node) -> Option<Self> {
        let key = located_at(node, &["key", "id", "name"])?;
        let name = scalar_at(node, "name").unwrap_or_else(|| key.value.clone());
        let asked = scalar_at(node, "confirm_message");
        let confirm = match flag_at(node, "confirm") {
            Some(true) => Some(asked.unwrap_or_else(|| format!("{name}?"))),
            Some(false) => None,
            // `confirm: Are you sure?`
            None => scalar_at(node, "confirm").or(asked),
        };
        Some(Self {
            icon: scalar_at(node, "icon"),
            transition: located_at(node, &["transition", "to"]),
            confirm,
            available_states: scalars_at(node, &["available_states"]),
            style: scalar_at(node, "style"),
            name,
            key,
        })
    }
}
