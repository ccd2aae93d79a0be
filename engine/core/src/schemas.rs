//! JSON Schemas of everything that crosses a border: definition files by kind, the plugin manifest and test cases, and events by kind.
//!
//! All of them are made from the types and shapes themselves. The files in `schemas/` are what this module says; a test compares
//! them.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, schema_for};
use serde_json::{Map, Value as Json, json};

use crate::case::Case;
use crate::definition::Kind;
use crate::manifest::Manifest;
use crate::record::{DeploymentEvent, Record, RevisionEvent, SettingEvent};
use crate::{item, run};

/// Returns all schemas by their file names below `schemas/`.
#[must_use]
pub fn all() -> BTreeMap<String, Json> {
    let mut files = BTreeMap::new();
    for kind in Kind::ALL {
        files.insert(format!("{}.schema.json", kind.word()), kind.schema());
    }
    files.insert("manifest.schema.json".to_owned(), Manifest::schema());
    files.insert("case.schema.json".to_owned(), Case::schema());
    for (kind, schema) in events() {
        files.insert(format!("events/{kind}.schema.json"), schema);
    }
    files
}

/// Returns the schema of what a subscriber gets for each kind of event and record.
#[must_use]
pub fn events() -> BTreeMap<String, Json> {
    let mut schemas = BTreeMap::new();
    split::<run::Event>(&["run"], &mut schemas);
    split::<Record>(&["run"], &mut schemas);
    split::<item::Event>(&["item"], &mut schemas);
    split::<RevisionEvent>(&[], &mut schemas);
    split::<DeploymentEvent>(&[], &mut schemas);
    split::<SettingEvent>(&[], &mut schemas);
    schemas
}

/// Splits the schema of an enum that is tagged by `kind` into one for each kind, inside what every frame has.
fn split<E: JsonSchema>(streams: &[&str], schemas: &mut BTreeMap<String, Json>) {
    let whole: Json = Schema::into(schema_for!(E));
    let definitions = whole.get("$defs").cloned();
    for variant in whole.get("oneOf").and_then(Json::as_array).into_iter().flatten() {
        let Some(kind) = variant.pointer("/properties/kind/const").and_then(Json::as_str) else { continue };
        let mut schema = Map::new();
        schema.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        schema.insert("title".to_owned(), format!("kiket event {kind}").into());
        schema.extend(variant.as_object().cloned().unwrap_or_default());
        if let Some(definitions) = &definitions {
            schema.insert("$defs".to_owned(), definitions.clone());
        }
        enclose(&mut schema, streams);
        schemas.insert(kind.to_owned(), schema.into());
    }
}

/// Adds what is put in front of every event: where and when it happened.
fn enclose(schema: &mut Map<String, Json>, streams: &[&str]) {
    let frame = [
        ("position", json!({ "type": "integer", "description": "Position in the log: the `id` of the SSE frame." })),
        ("at", json!({ "type": "string", "format": "date-time", "description": "When it happened." })),
        ("project", json!({ "type": "string", "description": "The project's name." })),
        ("run", json!({ "type": "string", "description": "The run." })),
        ("item", json!({ "type": "string", "description": "The item." })),
        (
            "seq",
            json!({ "type": "integer", "description": "Number of the event in its stream, from 1 and without gaps; records have none." }),
        ),
    ];
    let own = |name: &str| !matches!(name, "run" | "item") || streams.contains(&name);
    if let Some(Json::Object(properties)) = schema.get_mut("properties") {
        for (name, property) in frame.into_iter().filter(|(name, _)| own(name)) {
            properties.entry(name).or_insert(property);
        }
    }
    if let Some(Json::Array(required)) = schema.get_mut("required") {
        required.extend(["position", "at", "project"].map(Json::from));
        required.extend(streams.iter().copied().map(Json::from));
        let mut seen = Vec::new();
        required.retain(|name| {
            !seen.contains(name) && {
                seen.push(name.clone());
                true
            }
        });
    }
}
