//! Actions that see and change items, and answer with what came of it: the items, or the error as it was told.

use kiket_plugin::{Call, Failure, items};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(crate) struct One {
    id: String,
}

pub(crate) fn get(input: One, _: &Call) -> Result<Value, Failure> {
    answer(items::get(&input.id))
}

#[derive(Deserialize)]
pub(crate) struct Find {
    state: Option<String>,
    label: Option<String>,
    text: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

pub(crate) fn find(input: Find, _: &Call) -> Result<Value, Failure> {
    let mut query = items::query();
    if let Some(state) = input.state {
        query = query.state(state);
    }
    if let Some(label) = input.label {
        query = query.label(label);
    }
    if let Some(text) = input.text {
        query = query.text(text);
    }
    if let Some(after) = input.after {
        query = query.after(after);
    }
    answer(query.limit(input.limit.unwrap_or(u32::MAX)).find().map(Value::from))
}

#[derive(Deserialize)]
pub(crate) struct Create {
    values: Value,
}

pub(crate) fn create(input: Create, _: &Call) -> Result<Value, Failure> {
    answer(items::create(&input.values))
}

#[derive(Deserialize)]
pub(crate) struct Update {
    id: String,
    values: Value,
}

pub(crate) fn update(input: Update, _: &Call) -> Result<Value, Failure> {
    answer(items::update(&input.id, &input.values))
}

#[derive(Deserialize)]
pub(crate) struct Comment {
    id: String,
    text: String,
}

pub(crate) fn comment(input: Comment, _: &Call) -> Result<Value, Failure> {
    answer(items::comment(&input.id, &input.text).map(|()| Value::Null))
}

#[derive(Deserialize)]
pub(crate) struct Transition {
    id: String,
    name: String,
    comment: Option<String>,
}

pub(crate) fn transition(input: Transition, _: &Call) -> Result<Value, Failure> {
    answer(items::transition(&input.id, &input.name, input.comment.as_deref()))
}

fn answer(answer: Result<Value, items::Error>) -> Result<Value, Failure> {
    Ok(match answer {
        Ok(answer) => json!({ "answer": answer }),
        Err(error) => {
            let (kind, reasons) = match error {
                items::Error::Denied(reason) => ("denied", vec![reason]),
                items::Error::NotFound(reason) => ("not_found", vec![reason]),
                items::Error::Invalid(reason) => ("invalid", vec![reason]),
                items::Error::Refused(reasons) => ("refused", reasons),
                other => ("unknown", vec![other.to_string()]),
            };
            json!({ "error": kind, "reasons": reasons })
        }
    })
}
