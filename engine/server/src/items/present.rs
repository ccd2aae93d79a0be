//! Items in the words of requests and answers, over HTTP and of plugins alike.

use kiket_core::item::Item;
use kiket_store::ItemRow;
use serde_json::{Map, Value as Json, json};

use super::{Outcome, Wish};

/// Longest text that titles are searched for, and longest name of a transition or a state that is asked for, in bytes.
pub(crate) const NAME_BYTES: usize = 500;
/// Longest comment, in bytes.
pub(crate) const COMMENT_BYTES: usize = 64 * 1024;

impl Wish {
    /// Reads what a request says of a new item; the error says what is wrong with it.
    pub(crate) fn read(mut body: Map<String, Json>) -> Result<Self, String> {
        let kind = text(&mut body, "type")?;
        let state = text(&mut body, "state")?;
        Ok(Self { kind, state, values: values(body)? })
    }
}

/// Turns what a request says of an item into values by their names; the error says what is wrong with it.
pub(crate) fn values(body: Map<String, Json>) -> Result<Map<String, Json>, String> {
    let mut values = Map::new();
    for (name, value) in body {
        let part = match name.as_str() {
            "fields" | "custom_fields" => "fields",
            "checked" => "checked",
            _ => {
                values.insert(name, value);
                continue;
            }
        };
        let Json::Object(entries) = value else { return Err(format!("`{name}` is an object")) };
        values.extend(entries.into_iter().map(|(key, value)| (format!("{part}.{key}"), value)));
    }
    Ok(values)
}

fn text(body: &mut Map<String, Json>, key: &str) -> Result<Option<String>, String> {
    match body.shift_remove(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{key}` is text")),
    }
}

impl Outcome {
    /// Returns the item after a command, with the runs that started.
    pub(crate) fn shown(&self) -> Json {
        let mut shown = self.snapshot.clone();
        shown["runs"] = json!(self.runs);
        shown
    }
}

/// An item in a list: what columns hold, with its fields.
pub(crate) fn listed(row: &ItemRow) -> Json {
    let item: Item = serde_json::from_str(&row.data).unwrap_or_default();
    json!({
        "id": row.id,
        "key": item.created.as_ref().map(|created| created.key.clone()),
        "number": row.number,
        "type": row.kind,
        "workflow": row.workflow,
        "title": row.title,
        "state": row.state,
        "category": row.category,
        "priority": row.priority,
        "assignee": row.assignee,
        "labels": row.labels,
        "fields": item.fields,
        "pending": item.pending,
        "version": item.version,
        "created_at": row.created_at.to_string(),
        "updated_at": row.updated_at.to_string(),
    })
}
