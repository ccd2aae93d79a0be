//! Values that an item is given: which names there are, what its type says of them, what they change.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::apply::texts;
use super::command::Refusal;
use super::state::Item;
use crate::definition::{FieldDefinition, ItemTypeDefinition};

/// Longest text of a value, in bytes.
const MAX_TEXT: usize = 64 * 1024;
/// Most labels, watchers or ticked entries.
const MAX_ENTRIES: usize = 200;
/// Most fields and checklists together.
const MAX_FIELDS: usize = 500;

/// Checks values, and returns those that change something.
pub(super) fn check(
    item: &Item,
    kind: Option<&ItemTypeDefinition>,
    values: Map<String, Json>,
    creates: bool,
) -> Result<Map<String, Json>, Refusal> {
    let mut refused: Vec<(String, String)> = Vec::new();
    let read_only = |name: &str| {
        fields(kind).find(|field| field.readonly && name.strip_prefix("fields.") == Some(&field.key.value))
    };
    for field in values.keys().filter_map(|name| read_only(name)) {
        let reason = format!("\"{}\" is not for people to change", field.label);
        refused.push((format!("fields.{}", field.key.value), reason));
    }
    let values = if creates { with_defaults(kind, values) } else { values };
    for (name, value) in &values {
        if let Some(reason) = refuse(kind, name, value) {
            refused.push((name.clone(), reason));
        }
    }
    if let Some(reason) = too_many(item, &values) {
        refused.push(("fields".to_owned(), reason));
    }
    if creates {
        // What people may not fill in cannot be asked of them.
        for field in fields(kind).filter(|field| field.required && !field.readonly) {
            let name = format!("fields.{}", field.key.value);
            if values.get(&name).is_none_or(Json::is_null) {
                refused.push((name, format!("\"{}\" has to be filled in", field.label)));
            }
        }
        if values.get("title").is_none() {
            refused.push(("title".to_owned(), "an item has a title".to_owned()));
        }
    }
    if refused.is_empty() { Ok(changed(item, values)) } else { Err(Refusal::Values(refused)) }
}

/// Adds the defaults of fields that are not given.
fn with_defaults(kind: Option<&ItemTypeDefinition>, mut values: Map<String, Json>) -> Map<String, Json> {
    for field in fields(kind) {
        let name = format!("fields.{}", field.key.value);
        if let Some(default) = field.default.clone().filter(|_| !values.contains_key(&name)) {
            values.insert(name, default);
        }
    }
    values
}

/// Returns those values that are not what the item says already.
pub(super) fn changed(item: &Item, values: Map<String, Json>) -> Map<String, Json> {
    let changes = |(name, value): &(String, Json)| {
        let mut after = item.clone();
        after.set(name, value);
        after != *item
    };
    values.into_iter().filter(changes).collect()
}

/// Says why an item would have too many fields or checklists.
fn too_many(item: &Item, values: &Map<String, Json>) -> Option<String> {
    let new = |name: &&String| match name.split_once('.') {
        Some(("fields", key)) => !item.fields.contains_key(key),
        Some(("checked", list)) => !item.checked.contains_key(list),
        _ => false,
    };
    let count = item.fields.len() + item.checked.len() + values.keys().filter(new).count();
    (count > MAX_FIELDS)
        .then(|| format!("an item has at most {MAX_FIELDS} fields and checklists, and this makes {count}"))
}

/// Says why an item cannot have a value under a name.
fn refuse(kind: Option<&ItemTypeDefinition>, name: &str, value: &Json) -> Option<String> {
    match name {
        "title" => refuse_text(value, 500, false),
        "description" => refuse_text(value, MAX_TEXT, true),
        "priority" | "assignee" => refuse_text(value, 200, true),
        "labels" | "watchers" => refuse_texts(value),
        _ => match name.split_once('.') {
            Some(("fields", key)) => refuse_field(kind, key, value),
            Some(("checked", list)) if list.is_empty() || list.len() > 200 => {
                Some("a checklist's name has 1 to 200 bytes".to_owned())
            }
            Some(("checked", _)) => refuse_texts(value),
            _ => Some("an item has no such value".to_owned()),
        },
    }
}

fn refuse_field(kind: Option<&ItemTypeDefinition>, key: &str, value: &Json) -> Option<String> {
    if key.is_empty()
        || key.len() > crate::shape::MAX_ID
        || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    {
        return Some("a field's key has at most 64 letters, digits, _ and -".to_owned());
    }
    if value.to_string().len() > MAX_TEXT {
        return Some(format!("a value has at most {MAX_TEXT} bytes"));
    }
    let field = fields(kind).find(|field| field.key.value == key)?;
    if value.is_null() { None } else { field.refuse(value) }
}

fn refuse_text(value: &Json, longest: usize, may_be_nothing: bool) -> Option<String> {
    match value {
        Json::Null if may_be_nothing => None,
        Json::String(text) if text.len() > longest => Some(format!("it has at most {longest} bytes")),
        Json::String(text) if text.trim().is_empty() && !may_be_nothing => Some("it cannot be empty".to_owned()),
        Json::String(_) => None,
        _ => Some("it is text".to_owned()),
    }
}

fn refuse_texts(value: &Json) -> Option<String> {
    let given = value.as_array().map_or(0, Vec::len);
    let texts: BTreeSet<String> = texts(value);
    match value {
        Json::Null => None,
        Json::Array(_) if given > MAX_ENTRIES => Some(format!("it has at most {MAX_ENTRIES} entries")),
        Json::Array(values) if values.iter().any(|value| !value.is_string()) => {
            Some("its entries are texts".to_owned())
        }
        Json::Array(_) if texts.iter().any(|text| text.is_empty() || text.len() > 200) => {
            Some("an entry has 1 to 200 bytes".to_owned())
        }
        Json::Array(_) => None,
        _ => Some("it is a list of texts".to_owned()),
    }
}

fn fields(kind: Option<&ItemTypeDefinition>) -> impl Iterator<Item = &FieldDefinition> {
    kind.into_iter().flat_map(|kind| &kind.fields)
}
