//! Shapes as JSON Schema 2020-12, for editors and for tools that make definitions.

use serde_json::{Map, Value as Json, json};

use super::{Entry, Keys, Record, Shape, Support};

/// Returns the JSON Schema of a kind of file, with every record under `$defs`.
#[must_use]
pub fn json_schema(title: &str, root: &'static Record) -> Json {
    let mut definitions = Map::new();
    let body = root.schema(&mut definitions);
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".to_owned(), title.into());
    schema.extend(body);
    definitions.sort_keys();
    schema.insert("$defs".to_owned(), definitions.into());
    Json::Object(schema)
}

impl Record {
    /// Returns the schema of the record itself; records inside are added to `definitions`.
    fn schema(&'static self, definitions: &mut Map<String, Json>) -> Map<String, Json> {
        let mut schema = Map::new();
        schema.insert("description".to_owned(), self.doc.into());
        schema.insert("type".to_owned(), "object".into());
        let mut properties = Map::new();
        for Entry { key, shape, support, doc, required } in self.keys() {
            let mut property = shape.schema(definitions);
            let note = match support {
                Support::Full => "",
                Support::Checked => " (Checked; this version does not act on it yet.)",
                Support::Refused => " (Not supported yet.)",
            };
            property.insert("description".to_owned(), format!("{doc}{note}").into());
            let property = Json::Object(property);
            // An absent value may be written as nothing: `push:`.
            let property = if *required || shape.takes_all() {
                property
            } else {
                json!({ "anyOf": [property, { "type": "null" }], "description": format!("{doc}{note}") })
            };
            properties.insert((*key).to_owned(), property);
        }
        schema.insert("properties".to_owned(), properties.into());
        let required: Vec<&str> = self.keys().filter(|entry| entry.required).map(|entry| entry.key).collect();
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
        if !self.open {
            schema.insert("additionalProperties".to_owned(), false.into());
        }
        schema
    }

    /// Returns the name under which the record stands in `$defs`.
    fn definition_name(&self) -> String {
        self.name
            .trim_start_matches("the ")
            .trim_start_matches("an ")
            .trim_start_matches("a ")
            .replace([' ', '`', '.'], "_")
    }
}

impl Shape {
    /// Tells whether it takes any value, nothing included.
    fn takes_all(&self) -> bool {
        matches!(self, Self::Any | Self::Template)
    }

    fn schema(&'static self, definitions: &mut Map<String, Json>) -> Map<String, Json> {
        let schema = match self {
            Self::Any | Self::Template => json!({}),
            Self::Nothing => json!({ "type": "null" }),
            Self::Text => json!({ "type": "string" }),
            Self::Scalar => json!({ "type": ["string", "number", "boolean"] }),
            Self::Boolean => json!({ "type": "boolean" }),
            Self::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Self::Number { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
            Self::Duration => json!({ "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d)|P[0-9WDTHMS]+)$" }),
            Self::Size { max } => json!({ "anyOf": [
                { "type": "string", "pattern": "^[0-9]+(KiB|MiB|GiB|TiB)?$" },
                { "type": "integer", "minimum": 1, "maximum": max },
            ] }),
            Self::Id(rule) => json!({ "type": "string", "pattern": rule.pattern() }),
            Self::Word(words) => json!({ "enum": words }),
            Self::Condition => json!({ "type": ["string", "boolean"] }),
            Self::Templates => json!({ "type": "object" }),
            Self::Schema => json!({ "type": "object" }),
            Self::List(shape) => json!({ "type": "array", "items": shape.schema(definitions) }),
            Self::OneOrList(shape) => {
                let one = shape.schema(definitions);
                json!({ "anyOf": [one, { "type": "array", "items": one }] })
            }
            Self::Map(keys, shape) => map_schema(keys, shape, definitions),
            Self::Record(record) => {
                let name = record.definition_name();
                if !definitions.contains_key(&name) {
                    // Stands in for itself while it is written: records may hold themselves.
                    definitions.insert(name.clone(), Json::Null);
                    let schema = record.schema(definitions);
                    definitions.insert(name.clone(), schema.into());
                }
                json!({ "$ref": format!("#/$defs/{name}") })
            }
            Self::Either(shapes) => {
                let all: Vec<Json> = shapes.iter().map(|shape| shape.schema(definitions).into()).collect();
                json!({ "anyOf": all })
            }
            Self::Tagged { keys, then, otherwise } => {
                let has: Vec<Json> = keys.iter().map(|key| json!({ "required": [key] })).collect();
                json!({
                    "if": { "type": "object", "anyOf": has },
                    "then": then.schema(definitions),
                    "else": otherwise.schema(definitions),
                })
            }
        };
        match schema {
            Json::Object(schema) => schema,
            _ => Map::new(),
        }
    }
}

fn map_schema(keys: &'static Keys, shape: &'static Shape, definitions: &mut Map<String, Json>) -> Json {
    let mut schema = json!({ "type": "object", "additionalProperties": shape.schema(definitions) });
    if let Some(rule) = keys.rule {
        schema["propertyNames"] = json!({ "pattern": rule.pattern() });
    }
    if keys.required {
        schema["minProperties"] = 1.into();
    }
    schema
}
