//! What requests say of an item, as the document describes it. What else holds, an item's type says: only the server
//! that knows the definitions of its project can tell.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

/// What a change says.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Changed(pub(super) Map<String, Json>);

/// What is said of a new item.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Wanted(pub(super) Map<String, Json>);

impl JsonSchema for Changed {
    fn schema_name() -> Cow<'static, str> {
        "ItemValues".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema("What an item is to say from now on.", values(), &[])
    }
}

impl JsonSchema for Wanted {
    fn schema_name() -> Cow<'static, str> {
        "NewItem".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut values = values();
        let word = |about: &str| json!({ "type": ["string", "null"], "description": about });
        values.insert("type".to_owned(), word("Its type, where it is not the default one."));
        values.insert("state".to_owned(), word("The state it begins in, where it is not the initial one."));
        schema("What a new item says.", values, &["title"])
    }
}

fn schema(about: &str, values: Map<String, Json>, required: &[&str]) -> Schema {
    let mut schema = Schema::default();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("description".to_owned(), about.into());
    schema.insert("required".to_owned(), required.into());
    schema.insert("additionalProperties".to_owned(), false.into());
    schema.insert("properties".to_owned(), values.into());
    schema
}

/// What every item may say. Lengths are of the longest text in UTF-8 that fits: one that is not ASCII fits sooner.
fn values() -> Map<String, Json> {
    let text = |longest: u32| json!({ "type": ["string", "null"], "maxLength": longest });
    let words = json!({
        "type": ["array", "null"],
        "maxItems": 200,
        "items": { "type": "string", "maxLength": 200, "pattern": "\\S" },
    });
    let fields = json!({ "type": "object", "propertyNames": { "pattern": "^[A-Za-z0-9_-]{1,64}$" } });
    let checked = json!({ "type": "object", "propertyNames": { "minLength": 1, "maxLength": 200 }, "additionalProperties": words });
    [
        ("title", json!({ "type": "string", "maxLength": 500, "pattern": "\\S" })),
        ("description", text(65536)),
        ("priority", text(200)),
        ("assignee", text(200)),
        ("labels", words.clone()),
        ("watchers", words),
        ("fields", fields.clone()),
        ("custom_fields", fields),
        ("checked", checked),
    ]
    .map(|(name, schema)| (name.to_owned(), schema))
    .into_iter()
    .collect()
}
