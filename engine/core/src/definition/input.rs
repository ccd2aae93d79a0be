//! `inputs:`: one JSON Schema for each value that a run takes.

use std::sync::Arc;

use jsonschema::{ValidationError, Validator};
use serde_json::Value as Json;

use crate::decode::entries;
use crate::diagnostic::{Code, Problems};
use crate::shape::{IdRule, Keys};
use crate::yaml::{Node, Value};

pub(super) static INPUTS: Keys = Keys { name: "input", rule: Some(IdRule::Key), required: false };

/// The types of JSON Schema.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// One input of a pipeline.
#[derive(Clone)]
pub struct InputDefinition {
    /// The input's name.
    pub name: String,
    /// Whether a run cannot start without it.
    pub required: bool,
    /// The value where a run names none.
    pub default: Option<Json>,
    /// The JSON Schema as written, without `required`.
    pub schema: Json,
    validator: Arc<Validator>,
}

impl InputDefinition {
    pub(super) fn decode_all(node: Option<&Node>, problems: &mut Problems<'_>) -> Vec<Self> {
        entries(node).filter_map(|(key, node)| Self::decode(&key.text, node, problems)).collect()
    }

    fn decode(name: &str, node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        if !matches!(node.value, Value::Mapping(_)) {
            return None;
        }
        let mut schema = node.to_json();
        let object = schema.as_object_mut()?;
        // A list here is JSON Schema's own `required`; a boolean says whether the input is.
        let required = match object.get("required") {
            Some(Json::Bool(required)) => {
                let required = *required;
                object.remove("required");
                required
            }
            _ => false,
        };
        let default = object.get("default").cloned();
        let validator = match jsonschema::draft202012::new(&schema) {
            Ok(validator) => validator,
            Err(error) => {
                report_invalid(name, node, &error, problems);
                return None;
            }
        };
        let input = Self { name: name.to_owned(), required, default, schema, validator: Arc::new(validator) };
        if let Some(reason) = input.default.as_ref().and_then(|default| input.refuse(default)) {
            let place = node.get("default").unwrap_or(node).span;
            let message = format!("the default of input \"{name}\" breaks its own schema: {reason}");
            problems.report(Code::InvalidValue, place, message);
        }
        Some(input)
    }

    /// Returns why the input cannot have this value.
    #[must_use]
    pub fn refuse(&self, value: &Json) -> Option<String> {
        self.validator.iter_errors(value).next().map(|error| error.to_string())
    }
}

/// Says what is wrong with a schema. The meta-schema's own words are about itself.
fn report_invalid(name: &str, node: &Node, error: &ValidationError<'_>, problems: &mut Problems<'_>) {
    let pointer = error.instance_path().as_str();
    let place = node.at_pointer(pointer);
    let value = place.to_json();
    let message = |reason: String| format!("input \"{name}\" is not a JSON Schema: {reason}");
    match (pointer.rsplit('/').next(), value.as_str()) {
        (Some("type"), Some(word)) => {
            let message = message(format!("there is no type \"{word:.60}\""));
            problems.report_unknown(Code::InvalidSchema, place.span, message, word, TYPES);
        }
        (Some("pattern"), Some(_)) => {
            let message = message(format!("{value} is not a regular expression"));
            problems.report(Code::InvalidSchema, place.span, message);
        }
        _ => problems.report(Code::InvalidSchema, place.span, message(error.to_string())),
    }
}

impl PartialEq for InputDefinition {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.required == other.required && self.schema == other.schema
    }
}

impl std::fmt::Debug for InputDefinition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InputDefinition")
            .field("name", &self.name)
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
