//! Whether a condition holds, and if not, why not, in words.
//!
//! Pure: facts come in, refusals go out. How two values compare:
//!
//! - A number and text that is a number are the same number: `3`, `"3"` and `"3.0"` are equal where one side is a
//!   number. Numbers compare as 64-bit floats. Two texts are equal when they are the same text, case included.
//! - Values that are keys of the definitions (type, state, category, priority and the states of a transition) compare
//!   without ASCII case, since people write `bug` for a type `Bug`.
//! - `>`, `>=`, `<` and `<=` take numbers, or dates and RFC 3339 timestamps in one zone as text, which sort as text.
//!   Nothing else has an order: the condition does not hold.
//! - `in` takes a list, or one value as a list of one; a list of the item is `in` when one of its entries is.
//! - `contains` looks for an equal entry in a list and for a part in a text; a list to look for has to be there whole.
//! - A field that is not set is null. It equals only null, is `in` only a list that holds null, contains nothing and
//!   has no order; `not_equals` and `not_in` hold of it. It is empty, like text of spaces alone and a list or mapping
//!   without entries; `false` and `0` are present.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Condition, Operator};
use crate::definition::vocabulary::{canonical_path, holds_a_key};

/// What conditions are held against.
pub trait Facts {
    /// Returns the value at a canonical path, as [`crate::definition::canonical_path`] writes it; null where there is
    /// none.
    fn value(&self, path: &str) -> Json;

    /// Returns how a checklist stands; `None` where there is no such checklist.
    fn checklist(&self, id: &str) -> Option<ChecklistState>;
}

/// How a checklist stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChecklistState {
    /// The title, for people.
    pub title: String,
    /// Labels of the required entries that are open; the checklist is complete when there are none.
    pub open: Vec<String>,
}

/// Why something is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// A sentence that a person understands at once: lower case, no full stop.
    pub reason: String,
}

/// Most characters of a value that a reason shows.
const SHOWN: usize = 60;
/// Most values of a list that a reason shows.
const LISTED: usize = 8;

impl Refused {
    /// Makes a refusal.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl Condition {
    /// Tells whether the condition holds; if not, every reason why.
    pub fn holds(&self, facts: &dyn Facts) -> Result<(), Vec<Refused>> {
        match self {
            Self::All(conditions) => {
                let refused: Vec<Refused> =
                    conditions.iter().filter_map(|condition| condition.holds(facts).err()).flatten().collect();
                if refused.is_empty() { Ok(()) } else { Err(refused) }
            }
            Self::Any(conditions) => {
                let mut reasons = Vec::new();
                for condition in conditions {
                    let Err(refused) = condition.holds(facts) else { return Ok(()) };
                    let all: Vec<String> = refused.into_iter().map(|refused| refused.reason).collect();
                    reasons.push(all.join(" and "));
                }
                Err(vec![match reasons.as_slice() {
                    [] => Refused::new("one of no conditions has to hold, and none can"),
                    [only] => Refused::new(only),
                    _ => Refused::new(format!("one of these has to hold: {}", reasons.join("; or "))),
                }])
            }
            Self::Compare { path, operator, value } => {
                let canonical = canonical_path(&path.value);
                let found = facts.value(&canonical);
                if compares(&found, *operator, value, holds_a_key(&canonical)) {
                    return Ok(());
                }
                Err(vec![Refused::new(reason(&path.value, *operator, value, &found))])
            }
            Self::Checklist { id, complete } => match facts.checklist(&id.value) {
                None => Err(vec![Refused::new(format!("there is no checklist \"{:.60}\"", id.value))]),
                Some(state) if state.open.is_empty() == *complete => Ok(()),
                Some(state) if *complete => Err(vec![Refused::new(format!(
                    "checklist \"{:.60}\" is not complete: {}",
                    state.title,
                    names(&state.open)
                ))]),
                Some(state) => {
                    Err(vec![Refused::new(format!("checklist \"{:.60}\" must not be complete", state.title))])
                }
            },
            Self::Unknown { text } => Err(vec![Refused::new(format!("this can never hold: {}", text.value))]),
        }
    }
}

/// Tells whether a value of the item compares with one of the definition.
fn compares(found: &Json, operator: Operator, value: &Json, key: bool) -> bool {
    match operator {
        Operator::Equals => equal(found, value, key),
        Operator::NotEquals => !equal(found, value, key),
        Operator::Greater => order(found, value) == Some(Ordering::Greater),
        Operator::GreaterOrEqual => order(found, value).is_some_and(Ordering::is_ge),
        Operator::Less => order(found, value) == Some(Ordering::Less),
        Operator::LessOrEqual => order(found, value).is_some_and(Ordering::is_le),
        Operator::In => is_in(found, value, key),
        Operator::NotIn => !is_in(found, value, key),
        Operator::Contains => members(value).iter().all(|part| contains(found, part, key)),
        Operator::IsPresent => !is_empty(found),
        Operator::IsEmpty => is_empty(found),
    }
}

fn equal(left: &Json, right: &Json, key: bool) -> bool {
    match (left, right) {
        (Json::String(left), Json::String(right)) => left == right || key && left.eq_ignore_ascii_case(right),
        (Json::Number(_), Json::Number(_) | Json::String(_)) | (Json::String(_), Json::Number(_)) => {
            left == right || number(left).is_some_and(|left| Some(left) == number(right))
        }
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right, key))
        }
        _ => left == right,
    }
}

fn order(left: &Json, right: &Json) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return left.partial_cmp(&right);
    }
    match (left, right) {
        (Json::String(left), Json::String(right)) if is_date(left) && is_date(right) => Some(left.cmp(right)),
        _ => None,
    }
}

/// Returns the number that a value is, or that its text writes.
fn number(value: &Json) -> Option<f64> {
    match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// Tells whether a text begins as dates and timestamps do: `2026-01-31`.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Returns the values of a list, or one value as a list of one.
fn members(value: &Json) -> &[Json] {
    match value {
        Json::Array(values) => values,
        one => std::slice::from_ref(one),
    }
}

fn is_in(found: &Json, value: &Json, key: bool) -> bool {
    let one_is = |found: &Json| members(value).iter().any(|value| equal(found, value, key));
    match found {
        Json::Array(found) => found.iter().any(one_is),
        found => one_is(found),
    }
}

fn contains(found: &Json, part: &Json, key: bool) -> bool {
    match (found, part) {
        (Json::Array(entries), part) => entries.iter().any(|entry| equal(entry, part, key)),
        (Json::String(text), Json::String(part)) => text.contains(part.as_str()),
        (Json::String(text), Json::Number(part)) => text.contains(&part.to_string()),
        _ => false,
    }
}

/// Tells whether there is nothing in a value.
pub(super) fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(_) | Json::Number(_) => false,
        Json::String(text) => text.trim().is_empty(),
        Json::Array(values) => values.is_empty(),
        Json::Object(entries) => entries.is_empty(),
    }
}

fn reason(path: &str, operator: Operator, value: &Json, found: &Json) -> String {
    let shown = show(value);
    let wanted = match operator {
        Operator::Equals if value.is_null() => "has to be empty".to_owned(),
        Operator::Equals => format!("has to be {shown}"),
        Operator::NotEquals if value.is_null() => return format!("\"{path:.60}\" has to be present"),
        Operator::NotEquals => return format!("\"{path:.60}\" must not be {shown}"),
        Operator::Greater => format!("has to be greater than {shown}"),
        Operator::GreaterOrEqual => format!("has to be at least {shown}"),
        Operator::Less => format!("has to be less than {shown}"),
        Operator::LessOrEqual => format!("has to be at most {shown}"),
        Operator::In if members(value).len() == 1 => format!("has to be {shown}"),
        Operator::In => format!("has to be one of {shown}"),
        Operator::NotIn if members(value).len() == 1 => return format!("\"{path:.60}\" must not be {shown}"),
        Operator::NotIn => format!("must be none of {shown}"),
        Operator::Contains => format!("has to contain {shown}"),
        Operator::IsPresent => return format!("\"{path:.60}\" has to be present"),
        Operator::IsEmpty => "has to be empty".to_owned(),
    };
    let is = if is_empty(found) { "is not set".to_owned() } else { format!("is {}", show(found)) };
    format!("\"{path:.60}\" {wanted}, and {is}")
}

/// Writes a value for people: text in quotes, the values of a list with commas.
fn show(value: &Json) -> String {
    match value {
        Json::Null => "nothing".to_owned(),
        Json::String(text) => format!("\"{}\"", cut(text)),
        Json::Array(values) => {
            let mut shown: Vec<String> = values.iter().take(LISTED).map(show_one).collect();
            if values.len() > LISTED {
                shown.push("…".to_owned());
            }
            if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
        }
        other => show_one(other),
    }
}

fn show_one(value: &Json) -> String {
    match value {
        Json::String(text) => format!("\"{}\"", cut(text)),
        other => cut(&other.to_string()),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn names(labels: &[String]) -> String {
    let mut shown: Vec<String> = labels.iter().take(LISTED).map(|label| cut(label)).collect();
    if labels.len() > LISTED {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}
