//! The names an expression can use, and their values.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::Placeholders;

/// What an expression sees. Cheap to look up, built once for several expressions.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    names: Map<String, Value>,
    size: u64,
    placeholders: Option<Placeholders>,
}

impl Scope {
    /// Makes an empty scope.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name, or replaces its value.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.size += count(&value);
        self.names.insert(name.to_owned(), value);
        self
    }

    /// Lets expressions name secrets; without it one that does has no value.
    #[must_use]
    pub fn with_placeholders(mut self, placeholders: Placeholders) -> Self {
        self.placeholders = Some(placeholders);
        self
    }

    /// Returns what makes the texts that stand for secrets.
    pub(super) fn placeholders(&self) -> Option<&Placeholders> {
        self.placeholders.as_ref()
    }

    /// Returns the value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.names.get(name)
    }

    /// Returns how many values there are, inner ones included.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

/// Depth is bounded where values come in: YAML has 32 levels, JSON bodies and outputs 128.
fn count(value: &Value) -> u64 {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(entries) => entries.values().map(count).sum(),
        _ => 0,
    }
}

/// JSON has one kind of number; whole ones become CEL's `int`, so that `inputs.n + 1` works.
pub(super) fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, float) => cel::Value::Float(float.unwrap_or(f64::NAN)),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(to_cel).collect::<Vec<_>>().into(),
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), to_cel(value))).collect::<HashMap<_, _>>().into()
        }
    }
}
