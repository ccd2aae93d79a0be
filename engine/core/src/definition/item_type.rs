//! `issue_types.yaml`, or `case_types.yaml`: which types of items there are, and what each adds to an item.

use super::field::{FIELDS, FieldDefinition};
use super::lenient::{FLAG, first, flag_at, located_at, report_twins};
use crate::decode::{Located, items, number_at, scalar_at};
use crate::diagnostic::Problems;
use crate::shape::{Record, Shape, open, optional, required};
use crate::yaml::Node;

/// The names of the list, one for each generation of Kiket, and ours.
pub(super) const ROOTS: [&str; 3] = ["issue_types", "case_types", "item_types"];

/// A file of types.
pub(super) static FILE: Record = open(
    "a file of types",
    "Which types of items there are.",
    &[
        optional("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        optional("issue_types", TYPES, "The types."),
        optional("case_types", TYPES, "The types, under their other name."),
        optional("item_types", TYPES, "The types, under their other name."),
    ],
);

const TYPES: Shape = Shape::List(&Shape::Record(&TYPE));

static TYPE: Record = open(
    "type",
    "A type of items.",
    &[
        required("key", Shape::Scalar, "The key by which items, boards and automations call it."),
        optional("label", Shape::Scalar, "Name for people; the key where none is given."),
        optional("description", Shape::Scalar, "What it is for."),
        optional("allow_children", Shape::Any, "Whether items of the type can have items below them."),
        optional(
            "color",
            Shape::Scalar,
            "Its color: primary, secondary, success, danger, warning, info, light, dark or purple.",
        ),
        optional("icon", Shape::Scalar, "The name of its icon."),
        optional("position", Shape::Scalar, "Where it stands among the types."),
        optional("active", FLAG, "Whether new items can be of the type."),
        optional(
            "workflow",
            Shape::Scalar,
            "The workflow that its items live in; the project's first where none is given.",
        ),
        optional("fields", FIELDS, "What items of the type have besides what every item has."),
    ],
);

/// A type of items as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemTypeDefinition {
    /// The key by which items, boards and automations call it.
    pub key: Located<String>,
    /// Name for people.
    pub label: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether items of the type can have items below them.
    pub allow_children: bool,
    /// Its color, as written.
    pub color: Option<String>,
    /// The name of its icon, as written.
    pub icon: Option<String>,
    /// Where it stands among the types: lower first. Where the file says nothing, its place in the file.
    pub position: i64,
    /// Whether new items can be of the type.
    pub active: bool,
    /// The workflow that its items live in.
    pub workflow: Option<Located<String>>,
    /// What its items have besides what every item has.
    pub fields: Vec<FieldDefinition>,
}

impl ItemTypeDefinition {
    pub(super) fn decode_file(node: &Node, problems: &mut Problems<'_>) -> Vec<Self> {
        FILE.check(node, problems);
        let listed = items(first(node, &ROOTS)).iter().enumerate();
        let types: Vec<Self> = listed.filter_map(|(place, node)| Self::decode(node, place, problems)).collect();
        report_twins(types.iter().map(|item_type| &item_type.key), "type", problems);
        types
    }

    fn decode(node: &Node, place: usize, problems: &mut Problems<'_>) -> Option<Self> {
        let key = located_at(node, &["key"])?;
        Some(Self {
            label: scalar_at(node, "label").unwrap_or_else(|| key.value.clone()),
            description: scalar_at(node, "description"),
            allow_children: flag_at(node, "allow_children").unwrap_or(true),
            color: scalar_at(node, "color"),
            icon: scalar_at(node, "icon"),
            position: number_at(node, "position").unwrap_or_else(|| i64::try_from(place).unwrap_or(i64::MAX)),
            active: flag_at(node, "active").unwrap_or(true),
            workflow: located_at(node, &["workflow"]),
            fields: FieldDefinition::decode_all(node.get("fields"), problems),
            key,
        })
    }

    /// Returns the field of that key.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&FieldDefinition> {
        self.fields.iter().find(|field| field.key.value == key)
    }
}
