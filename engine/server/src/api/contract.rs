//! What one operation promises, collected from the types of its handler, and the table of what paths are made of.

use std::collections::BTreeMap;

use axum::response::IntoResponse;
use kiket_core::{RevisionId, RunId, TokenId};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value as Json, json};

use super::problem::ProblemBody;

/// What a project's name looks like.
pub(super) const PROJECT: &str = "^[a-z0-9][a-z0-9_-]{0,63}$";

/// An argument of a handler.
pub(super) trait Part {
    /// Says what it takes and how it refuses.
    fn describe(contract: &mut Contract<'_>);
}

/// What a handler answers.
pub(super) trait Answer: IntoResponse {
    /// Says what it is.
    fn describe(contract: &mut Contract<'_>);
}

/// One operation of the document, as it comes about.
pub(super) struct Contract<'g> {
    pub(super) inputs: &'g mut SchemaGenerator,
    pub(super) outputs: &'g mut SchemaGenerator,
    pub(super) parameters: Vec<Json>,
    pub(super) body: Option<Json>,
    pub(super) answers: BTreeMap<u16, Json>,
    /// Whether a ticket will do in the place of a token.
    pub(super) takes_tickets: bool,
}

impl<'g> Contract<'g> {
    /// Makes the contract of a path's operation.
    pub(super) fn new(inputs: &'g mut SchemaGenerator, outputs: &'g mut SchemaGenerator, path: &str) -> Self {
        let segments = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        let parameters = segments.map(|name| parameter("path", name, true, of_path(path, name, inputs))).collect();
        Self { inputs, outputs, parameters, body: None, answers: BTreeMap::new(), takes_tickets: false }
    }

    /// Takes each field of `T` in the query.
    pub(super) fn query<T: JsonSchema>(&mut self) {
        let schema = T::json_schema(self.inputs).to_value();
        let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            self.parameters.push(parameter("query", name, required(name), without_null(schema.clone())));
        }
    }

    /// Takes a header.
    pub(super) fn header(&mut self, name: &str, schema: Json) {
        self.parameters.push(parameter("header", name, false, schema));
    }

    /// Takes a body of JSON.
    pub(super) fn body<T: JsonSchema>(&mut self, required: bool) {
        let schema = self.inputs.subschema_for::<T>();
        self.body = Some(json!({ "required": required, "content": { "application/json": { "schema": schema } } }));
    }

    /// Answers JSON.
    pub(super) fn answers<T: JsonSchema>(&mut self, status: u16) {
        let schema = self.outputs.subschema_for::<T>().to_value();
        self.sends(status, "application/json", schema);
    }

    /// Answers something else.
    pub(super) fn sends(&mut self, status: u16, kind: &str, schema: Json) {
        let content = Map::from_iter([(kind.to_owned(), json!({ "schema": schema }))]);
        self.answers.insert(status, json!({ "description": meaning(status), "content": content }));
    }

    /// Answers without a body.
    pub(super) fn answers_nothing(&mut self, status: u16) {
        self.answers.insert(status, json!({ "description": meaning(status) }));
    }

    /// May answer with problems of these statuses.
    pub(super) fn fails(&mut self, statuses: &[u16]) {
        let schema = self.outputs.subschema_for::<ProblemBody>().to_value();
        for status in statuses {
            if !self.answers.contains_key(status) {
                self.sends(*status, "application/problem+json", schema.clone());
            }
        }
    }
}

fn parameter(place: &str, name: &str, required: bool, mut schema: Json) -> Json {
    let description = schema.as_object_mut().and_then(|schema| schema.shift_remove("description"));
    let description = description.unwrap_or_else(|| json!(""));
    json!({ "in": place, "name": name, "required": required, "description": description, "schema": schema })
}

/// A parameter that is not there is left out; it is never null.
fn without_null(mut schema: Json) -> Json {
    if let Some(kinds) = schema["type"].as_array() {
        let kind = kinds.iter().find(|kind| *kind != "null").cloned();
        schema["type"] = kind.unwrap_or_default();
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.retain(|key, value| !(key == "default" && value.is_null()));
        let some =
            schema.get("anyOf").and_then(|any| any.as_array()?.iter().find(|one| one["type"] != "null").cloned());
        if let Some(Json::Object(some)) = some {
            schema.shift_remove("anyOf");
            schema.extend(some);
        }
    }
    schema
}

/// What the segments of paths are, by their names: one meaning each in the whole interface.
fn of_path(path: &str, name: &str, schemas: &mut SchemaGenerator) -> Json {
    match name {
        "project" => json!({ "type": "string", "pattern": PROJECT, "description": "The project's name." }),
        "run" => RunId::json_schema(schemas).to_value(),
        "revision" => RevisionId::json_schema(schemas).to_value(),
        "token" => TokenId::json_schema(schemas).to_value(),
        "letter" => {
            json!({ "type": "string", "pattern": "^[1-9][0-9]{0,15}$", "description": "The dead letter's number." })
        }
        "item" => json!({
            "type": "string", "minLength": 3, "maxLength": 100, "pattern": "^([A-Za-z0-9_-]+-[0-9]+|itm_[0-7][0-9a-hjkmnp-tv-z]{25})$",
            "description": "The item's id, its key, or its project's name and its number: `shop-12`."
        }),
        "digest" => {
            json!({ "type": "string", "pattern": "^sha256:[0-9a-f]{64}$", "description": "The artifact's digest." })
        }
        "kind" => json!({ "type": "string", "pattern": "^[a-z_]{1,40}$", "description": "The kind of definition." }),
        "stage" => json!({ "type": "string", "minLength": 1, "maxLength": 200, "description": "The stage's id." }),
        "pipeline" => {
            json!({ "type": "string", "minLength": 1, "maxLength": 200, "description": "The pipeline's id." })
        }
        "id" => json!({ "type": "string", "minLength": 1, "maxLength": 200, "description": "The definition's id." }),
        "name" if path.contains("/secrets/") => {
            json!({ "type": "string", "pattern": "^[A-Z][A-Z0-9_]{0,63}$", "description": "The secret's name." })
        }
        "name" if path.contains("/env/") => {
            json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,63}$", "description": "The value's name." })
        }
        _ => json!({ "type": "string", "minLength": 1, "maxLength": 64, "description": "The name." }),
    }
}

fn meaning(status: u16) -> &'static str {
    match status {
        200 => "It is so.",
        201 => "It was made.",
        202 => "It will be done.",
        204 => "It was done; there is nothing to say.",
        304 => "It is what the asker has.",
        400 => "The request is malformed.",
        401 => "There is no valid token.",
        403 => "The token may not do this.",
        404 => "There is no such thing, or the token does not see it.",
        409 => "It does not go with how things stand.",
        412 => "It was changed since.",
        413 => "The body is too large.",
        415 => "The body is no JSON.",
        422 => "The request says what cannot be.",
        429 => "Too many requests; `Retry-After` says when.",
        503 => "It does not work at the moment.",
        _ => "As the status says.",
    }
}
