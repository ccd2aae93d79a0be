//! An action or a guard with its schemas compiled: what it takes, what it gives and what it refuses.

use std::time::Duration;

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value as Json;

use crate::manifest::Effect;

/// An action or a guard, and its compiled schemas.
pub struct Action {
    /// What a crash in its middle means.
    pub effect: Effect,
    /// How long it takes at most where a stage says nothing.
    pub timeout: Option<Duration>,
    /// Input fields that hold code and take no expression.
    pub code_fields: Vec<String>,
    /// Input fields that hold the address of an HTTP request, whose host has to be granted.
    pub url_fields: Vec<String>,
    input: Option<Checked>,
    output: Option<Checked>,
}

/// A schema, and what holds values against it.
struct Checked {
    validator: Validator,
    schema: Json,
}

/// Something in a value that a schema refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// JSON pointer to the value.
    pub pointer: String,
    /// Why it is refused.
    pub reason: String,
    /// The key of the value that the schema does not know, where that is why.
    pub unknown: Option<Unknown>,
}

/// A key that a schema does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The key.
    pub key: String,
    /// The keys that it knows there.
    pub known: Vec<String>,
}

impl Refusal {
    /// Makes a refusal of the value at a JSON pointer.
    #[must_use]
    pub fn new(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), reason: reason.into(), unknown: None }
    }
}

impl Action {
    /// Compiles the schemas; the error says which of them is none, and where in it.
    pub(super) fn new(
        effect: Effect,
        timeout: Option<Duration>,
        input: Option<&Json>,
        output: Option<&Json>,
    ) -> Result<Self, String> {
        let marked = |mark| input.map(|schema| marked(schema, mark)).unwrap_or_default();
        Ok(Self {
            effect,
            timeout,
            code_fields: marked("x-kiket-code"),
            url_fields: marked("x-kiket-url"),
            input: input.map(|schema| Checked::new("input", schema)).transpose()?,
            output: output.map(|schema| Checked::new("output", schema)).transpose()?,
        })
    }

    /// Returns everything in an input that its schema refuses.
    #[must_use]
    pub fn refuse(&self, input: &Json) -> Vec<Refusal> {
        self.input.as_ref().map(|schema| schema.refuse(input)).unwrap_or_default()
    }

    /// Returns everything in an output that its schema refuses: a plugin that breaks its own word.
    #[must_use]
    pub fn refuse_output(&self, output: &Json) -> Vec<Refusal> {
        self.output.as_ref().map(|schema| schema.refuse(output)).unwrap_or_default()
    }
}

impl Checked {
    fn new(what: &str, schema: &Json) -> Result<Self, String> {
        match jsonschema::draft202012::new(schema) {
            Ok(validator) => Ok(Self { validator, schema: schema.clone() }),
            Err(error) => Err(format!("the {what} schema is not one, at \"{}\": {error}", error.instance_path())),
        }
    }

    fn refuse(&self, value: &Json) -> Vec<Refusal> {
        self.validator.iter_errors(value).flat_map(|error| self.refusals(&error)).collect()
    }

    /// Returns a refusal for each thing that one error of the validator is about.
    fn refusals(&self, error: &jsonschema::ValidationError<'_>) -> Vec<Refusal> {
        let pointer = error.instance_path().as_str();
        let refusal = Refusal::new(pointer, error.to_string());
        let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() else { return vec![refusal] };
        let schema = error.schema_path().as_str().rsplit_once('/').map_or("", |(schema, _)| schema);
        let properties = self.schema.pointer(schema).and_then(|schema| schema.get("properties"));
        let known: Vec<String> =
            properties.and_then(Json::as_object).into_iter().flatten().map(|(key, _)| key.clone()).collect();
        let unknown = |key: &String| Some(Unknown { key: key.clone(), known: known.clone() });
        unexpected.iter().map(|key| Refusal { unknown: unknown(key), ..refusal.clone() }).collect()
    }
}

/// Fields on the first level that the schema marks with `mark: true`.
fn marked(schema: &Json, mark: &str) -> Vec<String> {
    let properties = schema.get("properties").and_then(Json::as_object);
    let marked = |schema: &Json| schema.get(mark) == Some(&Json::Bool(true));
    properties.into_iter().flatten().filter(|(_, schema)| marked(schema)).map(|(name, _)| name.clone()).collect()
}
