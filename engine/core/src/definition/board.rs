//! `boards/*.yaml`: a board shows the items of a workflow in columns, one for each of its states or for several.

use serde_json::Value as Json;

use super::board_parts::{ACTIONS, BoardAction, FILTERS, Filters, QUICK_FILTERS, QuickFilter, SWIMLANES, Swimlanes};
use super::lenient::{
    FLAG, first, flag_at, flattened, json_at, located, located_at, place_of, report_twins, scalars_at,
};
use crate::decode::{Located, items, number_at, scalar_at};
use crate::diagnostic::{Code, Problems};
use crate::shape::{Record, Shape, checked, open, optional};
use crate::yaml::Node;

/// A file of one board, or of several below `boards:`.
pub(super) static FILE: Record = open(
    "a board file",
    "A board; what it is may stand below `board:` or on the first level.",
    &[
        optional("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        optional("board", Shape::Record(&BOARD), "What the board is."),
        optional("boards", Shape::List(&Shape::Record(&BOARD)), "Several boards."),
    ],
)
.with_beside(&BOARD);

static BOARD: Record = open(
    "board",
    "A board.",
    &[
        optional("id", Shape::Scalar, "The id; the name of the file without its ending where none is given."),
        optional("key", Shape::Scalar, "The id, under its other name."),
        optional("name", Shape::Scalar, "Name for people; the id where none is given."),
        optional("type", Shape::Scalar, "kanban, scrum, timeline or calendar."),
        optional("description", Shape::Scalar, "What it is for."),
        optional("workflow", Shape::Scalar, "The workflow whose items it shows."),
        optional("default", FLAG, "Whether the project opens with it."),
        optional("columns", COLUMN_LIST, "Its columns; those of the workflow's states where none is given."),
        optional("swimlanes", SWIMLANES, "Rows across the columns, by the value of a field."),
        optional("filters", FILTERS, "Which items it shows."),
        optional("quick_filters", QUICK_FILTERS, "Filters that people switch on and off."),
        optional("default_filters", Shape::Any, "Filters that are on at first."),
        optional("card_template", Shape::Any, "What a card shows."),
        optional("actions", ACTIONS, "Buttons on a card."),
    ],
);

/// A column, or its name alone.
const COLUMN_LIST: Shape = Shape::List(&Shape::Either(&[Shape::Scalar, Shape::Record(&COLUMN)]));

static COLUMN: Record = open(
    "column",
    "A column of a board.",
    &[
        optional("key", Shape::Scalar, "The key; the name where none is given."),
        optional("name", Shape::Scalar, "Name for people; the key where none is given."),
        optional(
            "states",
            Shape::OneOrList(&Shape::Scalar),
            "The states whose items stand in it; its key where none is given.",
        ),
        optional("wip_limit", Shape::Integer { min: 0, max: 1_000_000 }, "How many items it takes."),
        optional("wip_policy", Shape::Scalar, "What happens beyond: block, or warn where none is given."),
        optional("color", Shape::Scalar, "Its color."),
        optional("collapsed", FLAG, "Whether it is folded at first."),
        optional("metadata", Shape::Any, "Anything else."),
        checked("policies", Shape::Any, "Rules of the column."),
    ],
);

/// A board as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardDefinition {
    /// The id.
    pub id: Located<String>,
    /// Name for people.
    pub name: String,
    /// kanban, scrum, timeline or calendar, as written.
    pub board_type: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The workflow whose items it shows.
    pub workflow: Option<Located<String>>,
    /// Whether the project opens with it.
    pub default: bool,
    /// Its columns; none stands for one for each state of the workflow.
    pub columns: Vec<ColumnDefinition>,
    /// Rows across the columns.
    pub swimlanes: Option<Swimlanes>,
    /// Which items it shows.
    pub filters: Filters,
    /// Filters that people switch on and off.
    pub quick_filters: Vec<QuickFilter>,
    /// Filters that are on at first, as written.
    pub default_filters: Option<Json>,
    /// What a card shows, as written.
    pub card_template: Option<Json>,
    /// Buttons on a card.
    pub actions: Vec<BoardAction>,
}

/// A column of a board.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDefinition {
    /// The key.
    pub key: Located<String>,
    /// Name for people.
    pub name: String,
    /// The states whose items stand in it; at least one.
    pub states: Vec<Located<String>>,
    /// How many items it takes.
    pub wip_limit: Option<u32>,
    /// Whether an item beyond the limit is refused rather than warned of.
    pub wip_blocks: bool,
    /// Its color, as written.
    pub color: Option<String>,
    /// Whether it is folded at first.
    pub collapsed: bool,
    /// Anything else, as written.
    pub metadata: Option<Json>,
    /// Rules of the column, as written.
    pub policies: Option<Json>,
}

impl BoardDefinition {
    /// Reads the boards of a file; `stem` is its name without its ending.
    pub(super) fn decode_file(node: &Node, stem: &str, problems: &mut Problems<'_>) -> Vec<Self> {
        FILE.check(node, problems);
        let Some(several) = node.get("boards") else {
            return vec![Self::decode(&flattened(node, &["board"]), stem, problems)];
        };
        let stem_of = |place| if place == 0 { stem.to_owned() } else { format!("{stem}-{}", place + 1) };
        let listed = items(Some(several)).iter().enumerate();
        let boards: Vec<Self> = listed.map(|(place, node)| Self::decode(node, &stem_of(place), problems)).collect();
        report_twins(boards.iter().map(|board| &board.id), "board", problems);
        boards
    }

    fn decode(node: &Node, stem: &str, problems: &mut Problems<'_>) -> Self {
        let id = located_at(node, &["id", "key"])
            .unwrap_or_else(|| Located { value: stem.to_owned(), span: place_of(node) });
        Self {
            name: scalar_at(node, "name").unwrap_or_else(|| id.value.clone()),
            board_type: scalar_at(node, "type"),
            description: scalar_at(node, "description"),
            workflow: located_at(node, &["workflow"]),
            default: flag_at(node, "default").unwrap_or(false),
            columns: items(node.get("columns"))
                .iter()
                .filter_map(|node| ColumnDefinition::decode(node, problems))
                .collect(),
            swimlanes: node.get("swimlanes").map(Swimlanes::decode),
            filters: node.get("filters").map(Filters::decode).unwrap_or_default(),
            quick_filters: items(node.get("quick_filters")).iter().filter_map(QuickFilter::decode).collect(),
            default_filters: json_at(node, "default_filters"),
            card_template: first(node, &["card_template", "cards", "card"]).map(Node::to_json),
            actions: items(node.get("actions")).iter().filter_map(BoardAction::decode).collect(),
            id,
        }
    }
}

impl ColumnDefinition {
    fn decode(node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        let mut states = scalars_at(node, &["states", "state", "statuses", "status"]);
        let key =
            located(node).or_else(|| located_at(node, &["key", "id", "name"])).or_else(|| states.first().cloned());
        let Some(key) = key else {
            problems.report(Code::MissingKey, place_of(node), "a column has no \"key\" and no \"states\"");
            return None;
        };
        if states.is_empty() {
            states.push(key.clone());
        }
        Some(Self {
            name: scalar_at(node, "name").unwrap_or_else(|| key.value.clone()),
            states,
            wip_limit: number_at(node, "wip_limit"),
            wip_blocks: scalar_at(node, "wip_policy").as_deref() == Some("block"),
            color: scalar_at(node, "color"),
            collapsed: flag_at(node, "collapsed").unwrap_or(false),
            metadata: json_at(node, "metadata"),
            policies: json_at(node, "policies"),
            key,
        })
    }
}
