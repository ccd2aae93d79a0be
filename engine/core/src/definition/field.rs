//! Custom fields: what an item's type, or the whole project, adds to what every item has, and which values fit.

use serde_json::Value as Json;

use super::lenient::{FLAG, Named, flag_at, json_at, located, located_at, named, report_twins};
use super::value::{self, FieldType};
use crate::decode::{Located, entries, items, scalar_at};
use crate::diagnostic::{Code, Problems};
use crate::shape::{Keys, Record, Shape, open, optional};
use crate::yaml::{Node, Value};

/// A list of fields, or a mapping by their keys.
pub(super) const FIELDS: Shape = Shape::Either(&[Shape::Map(&FIELD_KEYS, &ONE), Shape::List(&ONE)]);

/// A field, or its key or type alone.
const ONE: Shape = Shape::Either(&[Shape::Scalar, Shape::Record(&FIELD)]);

static FIELD_KEYS: Keys = Keys { name: "field", rule: None, required: false };

pub(super) static FIELD: Record = open(
    "field",
    "A custom field.",
    &[
        optional("key", Shape::Scalar, "The key under which items keep the value: item.fields.<key>."),
        optional("label", Shape::Scalar, "Name for people; the key where none is given."),
        optional(
            "type",
            Shape::Scalar,
            "text, textarea, select, multiselect, date, datetime, number or url; also integer, boolean, email, user and file.",
        ),
        optional("required", FLAG, "Whether an item has to have a value."),
        optional("readonly", FLAG, "Whether only actions set it."),
        optional("options", OPTIONS, "What can be chosen: values, or values with their labels."),
        optional("default", Shape::Any, "The value of a new item."),
        optional("placeholder", Shape::Scalar, "What an empty input shows."),
        optional("description", Shape::Scalar, "What it is for."),
    ],
);

const OPTIONS: Shape = Shape::Either(&[Shape::List(&OPTION), Shape::Any]);
const OPTION: Shape = Shape::Either(&[Shape::Scalar, Shape::Record(&CHOICE), Shape::Any]);

static CHOICE: Record = open(
    "option",
    "Something that can be chosen.",
    &[
        optional("value", Shape::Scalar, "The value that is kept."),
        optional("label", Shape::Scalar, "What people read; the value where none is given."),
    ],
);

/// A custom field as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDefinition {
    /// The key under which items keep the value.
    pub key: Located<String>,
    /// Name for people; the key where none is given.
    pub label: String,
    /// What its values are.
    pub field_type: FieldType,
    /// Whether an item has to have a value.
    pub required: bool,
    /// Whether only actions set it.
    pub readonly: bool,
    /// What can be chosen; where nothing is listed, anything.
    pub options: Vec<FieldOption>,
    /// The value of a new item.
    pub default: Option<Json>,
    /// What an empty input shows.
    pub placeholder: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// Something that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldOption {
    /// The value that is kept.
    pub value: String,
    /// What people read.
    pub label: String,
}

impl FieldDefinition {
    pub(super) fn decode_all(node: Option<&Node>, problems: &mut Problems<'_>) -> Vec<Self> {
        let fields: Vec<Self> =
            named(node, "a field", problems).into_iter().map(|named| Self::decode(named, problems)).collect();
        report_twins(fields.iter().map(|field| &field.key), "field", problems);
        fields
    }

    pub(super) fn decode(Named { name: key, node }: Named<'_>, problems: &mut Problems<'_>) -> Self {
        // `severity: enum` in a mapping of fields.
        let word = if matches!(node.value, Value::Mapping(_)) { located_at(node, &["type"]) } else { located(node) };
        let word = word.filter(|word| word.span != key.span);
        let field = Self {
            label: scalar_at(node, "label").unwrap_or_else(|| key.value.clone()),
            field_type: word.map_or(FieldType::Text, |word| FieldType::read(&word, &key.value, problems)),
            required: flag_at(node, "required").unwrap_or(false),
            readonly: flag_at(node, "readonly").unwrap_or(false),
            options: decode_options(node.get("options")),
            default: json_at(node, "default"),
            placeholder: scalar_at(node, "placeholder"),
            description: scalar_at(node, "description"),
            key,
        };
        field.check_default(node, problems);
        field
    }

    /// Returns why a value does not fit, in a sentence for people; `None` where it fits. Nothing (`null`) always
    /// fits: whether a field may stay empty is for transitions to say.
    #[must_use]
    pub fn refuse(&self, value: &Json) -> Option<String> {
        value::refuse(self.field_type, &self.options, value).map(|reason| format!("{} {reason}", self.label))
    }

    /// A default that can never be chosen; one that is computed is known only later.
    fn check_default(&self, node: &Node, problems: &mut Problems<'_>) {
        let chosen = matches!(self.field_type, FieldType::Select | FieldType::Multiselect);
        let (Some(default), Some(place)) = (&self.default, node.get("default")) else { return };
        let computed = default.as_str().is_some_and(|text| text.contains("{{") || text.contains("${"));
        if chosen && !computed && self.refuse(default).is_some() {
            let default = value::shown(default);
            let message =
                format!("the default of field \"{:.60}\" is {default}, which is not among its options", self.key.value);
            let known = self.options.iter().map(|option| option.value.as_str());
            problems.report_unknown(
                Code::UnknownTarget,
                place.span,
                message,
                place.as_str().unwrap_or_default(),
                known,
            );
        }
    }
}

/// `[low, high]`, `[{value, label}]`, `{values: […]}` or `{low: Low}`.
fn decode_options(node: Option<&Node>) -> Vec<FieldOption> {
    if let Some(values) = node.and_then(|node| node.get("values")) {
        return decode_options(Some(values));
    }
    if let Some(Node { value: Value::Mapping(_), .. }) = node {
        let choice = |label: Located<String>, value: &str| FieldOption { value: value.to_owned(), label: label.value };
        return entries(node).filter_map(|(key, node)| Some(choice(located(node)?, &key.text))).collect();
    }
    let choice = |node: &Node| {
        let value = located(node).or_else(|| located_at(node, &["value", "key", "id", "name"]))?.value;
        Some(FieldOption { label: scalar_at(node, "label").unwrap_or_else(|| value.clone()), value })
    };
    items(node).iter().filter_map(choice).collect()
}
