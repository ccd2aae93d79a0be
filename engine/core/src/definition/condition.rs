//! The condition language of Kiket's files: what has to hold of an item.
//!
//! Three forms, freely nested: a list all of which has to hold, a group `{all: […]}` or `{any: […]}`, and one
//! condition: a field with an operator and a value, a checklist, or a predicate of the short dialect as text.
//! `equals: bug` is short for `operator: equals, value: bug`. What cannot be read never holds: a door that nobody can
//! judge stays shut.

mod evaluate;
mod operator;
mod predicate;

use serde_json::Value as Json;

use crate::decode::{Located, boolean_at, entries, items};
use crate::diagnostic::{Code, Problems, Span};
use crate::shape::{Record, Shape, open, optional};
use crate::yaml::{Node, Value};

pub use evaluate::{ChecklistState, Facts, Refused};
pub use operator::Operator;

/// Conditions as a value: a list, a group or one condition.
pub(crate) const CONDITIONS: Shape = Shape::OneOrList(&Shape::Either(&[Shape::Text, Shape::Record(&CONDITION)]));

static CONDITION: Record = open(
    "condition",
    "What has to hold of an item: a field compared with a value, a complete checklist, or a group of conditions.",
    &[
        optional(
            "all",
            Shape::OneOrList(&Shape::Either(&[Shape::Text, Shape::Record(&CONDITION)])),
            "Conditions all of which have to hold.",
        ),
        optional(
            "any",
            Shape::OneOrList(&Shape::Either(&[Shape::Text, Shape::Record(&CONDITION)])),
            "Conditions one of which has to hold.",
        ),
        optional("field", Shape::Text, "Path of the field: priority, status, custom_fields.severity."),
        optional(
            "operator",
            Shape::Text,
            "How it is compared: =, !=, >, >=, <, <=, in, not_in, contains, is_present, is_empty and their names.",
        ),
        optional("value", Shape::Any, "What it is compared with."),
        optional("checklist", Shape::Text, "Id of a checklist."),
        optional("complete", Shape::Boolean, "Whether the checklist has to be complete; true where nothing is given."),
        optional("equals", Shape::Any, "Short for operator: equals with this value."),
        optional("eq", Shape::Any, "Short for operator: equals with this value."),
        optional("not_equals", Shape::Any, "Short for operator: not_equals with this value."),
        optional("gt", Shape::Any, "Short for operator: > with this value."),
        optional("gte", Shape::Any, "Short for operator: >= with this value."),
        optional("greater_or_equal", Shape::Any, "Short for operator: >= with this value."),
        optional("lt", Shape::Any, "Short for operator: < with this value."),
        optional("lte", Shape::Any, "Short for operator: <= with this value."),
        optional("less_or_equal", Shape::Any, "Short for operator: <= with this value."),
        optional("in", Shape::Any, "Short for operator: in with this list."),
        optional("not_in", Shape::Any, "Short for operator: not_in with this list."),
        optional("contains", Shape::Any, "Short for operator: contains with this value."),
        optional("is_present", Shape::Any, "Short for operator: is_present; false turns it round."),
        optional("is_not_empty", Shape::Any, "Short for operator: is_not_empty; false turns it round."),
        optional("is_empty", Shape::Any, "Short for operator: is_empty; false turns it round."),
    ],
);

/// What has to hold of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All of them; none at all holds.
    All(Vec<Condition>),
    /// One of them; none at all does not hold.
    Any(Vec<Condition>),
    /// A field compares with a value.
    Compare {
        /// Path of the field as it was written, and where it stands.
        path: Located<String>,
        /// How it is compared.
        operator: Operator,
        /// What it is compared with; null for operators that take no value.
        value: Json,
    },
    /// A checklist is complete, or is not.
    Checklist {
        /// The checklist's id, and where it stands.
        id: Located<String>,
        /// Whether it has to be complete.
        complete: bool,
    },
    /// One that cannot be read. It never holds.
    Unknown {
        /// What is wrong with it, for people, and where.
        text: Located<String>,
    },
}

impl Condition {
    /// Reads conditions whose shape was checked. What cannot be read is reported and never holds; nothing at all
    /// always holds.
    pub(crate) fn decode(node: Option<&Node>, problems: &mut Problems<'_>) -> Self {
        match node {
            None | Some(Node { value: Value::Null, .. }) => Self::always(),
            Some(Node { value: Value::Sequence(items), .. }) => Self::All(decode_all(items, problems)),
            Some(node) => decode_one(node, problems),
        }
    }

    /// Returns the condition that always holds.
    #[must_use]
    pub fn always() -> Self {
        Self::All(Vec::new())
    }

    /// Tells whether it holds whatever the item looks like, since it asks for nothing.
    #[must_use]
    pub fn is_always(&self) -> bool {
        matches!(self, Self::All(conditions) if conditions.is_empty())
    }

    /// Returns the checklists that it names.
    #[must_use]
    pub fn checklists(&self) -> Vec<&Located<String>> {
        let mut found = Vec::new();
        let mut open = vec![self];
        while let Some(condition) = open.pop() {
            match condition {
                Self::All(inner) | Self::Any(inner) => open.extend(inner.iter().rev()),
                Self::Checklist { id, .. } => found.push(id),
                Self::Compare { .. } | Self::Unknown { .. } => {}
            }
        }
        found
    }

    /// Returns the paths of fields that it looks at, as they were written.
    #[must_use]
    pub fn paths(&self) -> Vec<&Located<String>> {
        let mut found = Vec::new();
        let mut open = vec![self];
        while let Some(condition) = open.pop() {
            match condition {
                Self::All(inner) | Self::Any(inner) => open.extend(inner.iter().rev()),
                Self::Compare { path, .. } => found.push(path),
                Self::Checklist { .. } | Self::Unknown { .. } => {}
            }
        }
        found
    }
}

/// The depth of groups is bounded by that of YAML.
fn decode_all(nodes: &[Node], problems: &mut Problems<'_>) -> Vec<Condition> {
    nodes.iter().map(|node| decode_one(node, problems)).collect()
}

fn decode_one(node: &Node, problems: &mut Problems<'_>) -> Condition {
    if let Some(text) = Located::text(node) {
        return Condition::parse_predicate(&text, problems);
    }
    let place = entries(Some(node)).next().map_or(node.span, |(key, _)| key.span);
    if !matches!(node.value, Value::Mapping(_)) {
        // Its shape says what is wrong.
        return unknown("a condition that is not a mapping", place);
    }
    let mut parts = Vec::new();
    if let Some(group) = node.get("all") {
        parts.push(Condition::All(decode_all(items(Some(group)), problems)));
    }
    if let Some(group) = node.get("any") {
        parts.push(Condition::Any(decode_all(items(Some(group)), problems)));
    }
    if let Some(id) = node.get("checklist") {
        parts.push(match Located::text(id) {
            Some(id) => Condition::Checklist { id, complete: boolean_at(node, "complete").unwrap_or(true) },
            None => unknown("a condition whose checklist is not an id", id.span),
        });
    }
    if let Some(field) = node.get("field") {
        match Located::text(field) {
            Some(path) => decode_comparisons(&path, node, &mut parts, problems),
            None => parts.push(unknown("a condition whose field is not a path", field.span)),
        }
    }
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            parts.push(last);
            Condition::All(parts)
        }
        (None, _) => {
            let hint = "write field, operator and value, or checklist, or a group: all, any";
            problems.report_with_hint(
                Code::UnknownOperator,
                place,
                "a condition that asks for nothing never holds",
                hint,
            );
            unknown("a condition that asks for nothing", place)
        }
    }
}

/// Reads `operator` and `value`, and every operator that stands as a key.
fn decode_comparisons(path: &Located<String>, node: &Node, parts: &mut Vec<Condition>, problems: &mut Problems<'_>) {
    let before = parts.len();
    if let Some(word) = node.get("operator").and_then(Located::text) {
        parts.push(match Operator::from_word(&word.value) {
            Some(operator) => compare(path, operator, word.span, node.get("value"), problems),
            None => {
                let message = format!("\"{:.40}\" is not an operator; the condition never holds", word.value);
                problems.report_unknown(Code::UnknownOperator, word.span, message, &word.value, Operator::spellings());
                unknown(&format!("\"{:.40}\" is not an operator (\"{:.60}\")", word.value, path.value), word.span)
            }
        });
    }
    for (key, value) in entries(Some(node)) {
        if let Some(operator) = Operator::from_word(&key.text) {
            parts.push(compare(path, operator, key.span, Some(value), problems));
        }
    }
    if parts.len() == before {
        let message = format!("the condition on \"{:.60}\" has no operator and never holds", path.value);
        let hint = "write operator: equals and value, or equals: with the value";
        problems.report_with_hint(Code::UnknownOperator, path.span, message, hint);
        parts.push(unknown(&format!("the condition on \"{:.60}\" has no operator", path.value), path.span));
    }
}

fn compare(
    path: &Located<String>,
    operator: Operator,
    span: Span,
    value: Option<&Node>,
    problems: &mut Problems<'_>,
) -> Condition {
    let path = path.clone();
    if operator.takes_no_value() {
        let turned = value.is_some_and(|value| value.value == Value::Bool(false));
        let operator = if turned { operator.opposite() } else { operator };
        return Condition::Compare { path, operator, value: Json::Null };
    }
    let Some(value) = value else {
        let message =
            format!("\"{:.60}\" is compared by \"{operator}\" with nothing; the condition never holds", path.value);
        problems.report_with_hint(Code::UnknownOperator, span, message, "write the value: value: critical");
        return unknown(&format!("\"{:.60}\" is compared with nothing", path.value), span);
    };
    Condition::Compare { path, operator, value: value.to_json() }
}

fn unknown(text: &str, span: Span) -> Condition {
    Condition::Unknown { text: Located { value: text.to_owned(), span } }
}
