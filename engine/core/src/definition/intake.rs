//! `intakes/*.yaml`: a form that people fill in to make an item.

use serde_json::Value as Json;

use super::field::FieldDefinition;
use super::lenient::{
    FLAG, NAME_KEYS, Named, first, flag_at, flattened, json_at, located_at, named, named_item, place_of, scalars_at,
};
use crate::decode::{Located, items, scalar_at};
use crate::diagnostic::Problems;
use crate::shape::{Keys, Record, Shape, open, optional};
use crate::yaml::{Node, Value};

/// A file of one form.
pub(super) static FILE: Record = open(
    "an intake file",
    "A form; what it is may stand below `intake_form:` or on the first level.",
    &[
        optional("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        optional("intake_form", Shape::Record(&FORM), "The form."),
        optional("intake", Shape::Record(&FORM), "The form, under its other name."),
    ],
)
.with_beside(&FORM);

static FORM: Record = open(
    "form",
    "A form that people fill in to make an item.",
    &[
        optional("key", Shape::Scalar, "The id; the name of the file without its ending where none is given."),
        optional("id", Shape::Scalar, "The id, under its other name."),
        optional("name", Shape::Scalar, "Name for people; the id where none is given."),
        optional("slug", Shape::Scalar, "The last part of its address; the id where none is given."),
        optional("description", Shape::Scalar, "What it is for."),
        optional("public", FLAG, "Whether everybody may fill it in."),
        optional("settings", SETTING_OR_ANY, "What becomes of it."),
        optional("issue", MADE_OR_ANY, "The item that it makes."),
        optional("case", MADE_OR_ANY, "The item that it makes."),
        optional("item", MADE_OR_ANY, "The item that it makes."),
        optional("fields", INPUTS, "What people are asked."),
        optional("confirmation", DONE_OR_ANY, "What people read afterwards."),
    ],
);

const DONE_OR_ANY: Shape = Shape::Either(&[Shape::Record(&DONE), Shape::Any]);
const SETTING_OR_ANY: Shape = Shape::Either(&[Shape::Record(&SETTING), Shape::Any]);
const MADE_OR_ANY: Shape = Shape::Either(&[Shape::Record(&MADE), Shape::Any]);
const INPUTS: Shape =
    Shape::Either(&[Shape::Map(&INPUT_KEYS, &Shape::Record(&INPUT)), Shape::List(&Shape::Record(&INPUT))]);

static INPUT_KEYS: Keys = Keys { name: "form field", rule: None, required: false };

static SETTING: Record = open(
    "settings",
    "What becomes of a form.",
    &[
        optional("public", FLAG, "Whether everybody may fill it in."),
        optional("requires_approval", FLAG, "Whether somebody looks at it before it becomes an item."),
        optional("default_issue_type", Shape::Scalar, "The type of the item."),
        optional("default_case_type", Shape::Scalar, "The type of the item, under its other name."),
        optional("default_priority", Shape::Scalar, "The priority of the item."),
        optional("confirmation_message", Shape::Scalar, "What people read afterwards."),
    ],
);

static DONE: Record =
    open("confirmation", "What people read afterwards.", &[optional("message", Shape::Scalar, "The text.")]);

static MADE: Record = open(
    "the item of a form",
    "The item that a form makes.",
    &[
        optional("type", Shape::Scalar, "Its type."),
        optional("workflow", Shape::Scalar, "Its workflow; that of the type where none is given."),
        optional("initial_state", Shape::Scalar, "Its state; the initial one of the workflow where none is given."),
        optional("priority", Shape::Scalar, "Its priority."),
        optional("title_template", Shape::Scalar, "Its title; {{key}} stands for what was filled in."),
        optional("labels", Shape::Any, "Its labels."),
    ],
);

static INPUT: Record = open(
    "form field",
    "Something that people are asked.",
    &[
        optional("key", Shape::Scalar, "The key."),
        optional("label", Shape::Scalar, "What people read."),
        optional(
            "type",
            Shape::Scalar,
            "string, text, markdown, email, url, phone, date, enum, multi_enum, file, number or boolean; divider and heading ask nothing.",
        ),
        optional("required", FLAG, "Whether it has to be filled in."),
        optional("options", Shape::Any, "What can be chosen: values, or values with their labels."),
        optional("default", Shape::Any, "What is filled in at first."),
        optional("placeholder", Shape::Scalar, "What an empty input shows."),
        optional("description", Shape::Scalar, "What it is for."),
        optional("helper_text", Shape::Scalar, "What stands below it."),
        optional(
            "map_to",
            Shape::Scalar,
            "The field of the item; the custom field of the same key where none is given.",
        ),
        optional("maps_to", Shape::Scalar, "The same, under its other name."),
    ],
);

/// A form as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct IntakeDefinition {
    /// The id.
    pub key: Located<String>,
    /// Name for people.
    pub name: String,
    /// The last part of its address.
    pub slug: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether everybody may fill it in.
    pub public: bool,
    /// Whether somebody looks at it before it becomes an item.
    pub requires_approval: bool,
    /// What people read afterwards.
    pub confirmation: Option<String>,
    /// The type of the item.
    pub item_type: Option<Located<String>>,
    /// The item's workflow; that of the type where none is given.
    pub workflow: Option<Located<String>>,
    /// The item's state; the workflow's initial one where none is given.
    pub state: Option<Located<String>>,
    /// The item's priority.
    pub priority: Option<String>,
    /// The item's title; `{{key}}` stands for what was filled in.
    pub title: Option<String>,
    /// The item's labels.
    pub labels: Vec<String>,
    /// What people are asked, in order.
    pub fields: Vec<IntakeField>,
    /// All settings, as written.
    pub settings: Option<Json>,
}

/// Something that people are asked.
#[derive(Debug, Clone, PartialEq)]
pub struct IntakeField {
    /// What it is, and which values fit.
    pub field: FieldDefinition,
    /// The field of the item, as written: `title`, `custom_fields.severity`. `None` is the custom field of that key.
    pub maps_to: Option<Located<String>>,
    /// Whether it only divides the form, and asks nothing.
    pub layout: bool,
}

impl IntakeDefinition {
    pub(super) fn decode(node: &Node, stem: &str, problems: &mut Problems<'_>) -> Self {
        FILE.check(node, problems);
        let node = &flattened(node, &["intake_form", "intake"]);
        let key = located_at(node, &["key", "id"]);
        let key = key.unwrap_or_else(|| Located { value: stem.to_owned(), span: place_of(node) });
        let settings = node.get("settings");
        let made = first(node, &["issue", "case", "item"]);
        let of_settings = |keys: &[&str]| settings.and_then(|node| located_at(node, keys));
        let of_item = |keys: &[&str]| made.and_then(|node| located_at(node, keys));
        let types = ["default_issue_type", "default_case_type", "default_item_type"];
        let flag = |key| flag_at(node, key).or_else(|| settings.and_then(|node| flag_at(node, key))).unwrap_or(false);
        Self {
            name: scalar_at(node, "name").unwrap_or_else(|| key.value.clone()),
            slug: scalar_at(node, "slug").unwrap_or_else(|| key.value.clone()),
            description: scalar_at(node, "description"),
            public: flag("public"),
            requires_approval: flag("requires_approval"),
            confirmation: of_settings(&["confirmation_message"])
                .or_else(|| located_at(node.get("confirmation")?, &["message"]))
                .map(|text| text.value),
            item_type: of_item(&["type", "issue_type", "case_type", "item_type"]).or_else(|| of_settings(&types)),
            workflow: of_item(&["workflow"]).or_else(|| of_settings(&["default_workflow", "workflow"])),
            state: of_item(&["initial_state", "state", "status"]),
            priority: of_item(&["priority"]).or_else(|| of_settings(&["default_priority"])).map(|text| text.value),
            title: of_item(&["title_template", "title"]).map(|text| text.value),
            labels: made
                .map(|node| scalars_at(node, &["labels"]))
                .unwrap_or_default()
                .into_iter()
                .map(|label| label.value)
                .collect(),
            fields: IntakeField::decode_all(node.get("fields"), problems),
            settings: json_at(node, "settings"),
            key,
        }
    }
}

impl IntakeField {
    fn decode_all(node: Option<&Node>, problems: &mut Problems<'_>) -> Vec<Self> {
        if let Some(Node { value: Value::Mapping(_), .. }) = node {
            let listed = named(node, "a form field", problems);
            return listed.into_iter().map(|named| Self::decode(named, problems)).collect();
        }
        let mut fields = Vec::new();
        for (place, node) in items(node).iter().enumerate() {
            // What only divides the form needs no key.
            let named = if is_layout(node) && located_at(node, &NAME_KEYS).is_none() {
                Some(Named { name: Located { value: format!("part-{}", place + 1), span: place_of(node) }, node })
            } else {
                named_item(node, "a form field", problems)
            };
            fields.extend(named.map(|named| Self::decode(named, problems)));
        }
        fields
    }

    fn decode(named: Named<'_>, problems: &mut Problems<'_>) -> Self {
        let node = named.node;
        let maps_to = located_at(node, &["map_to", "maps_to"]);
        Self { field: FieldDefinition::decode(named, problems), maps_to, layout: is_layout(node) }
    }
}

fn is_layout(node: &Node) -> bool {
    scalar_at(node, "type").is_some_and(|word| matches!(word.as_str(), "divider" | "heading"))
}
