//! What a component says of its own types: the JSON Schemas of its inputs and outputs, for whoever builds it.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::{Call, Transition};

/// The schemas of actions and guards, by name.
#[derive(Default)]
pub struct Described {
    actions: Map<String, Value>,
    guards: Map<String, Value>,
}

impl Described {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an action.
    pub fn action<Input, Output, Error>(
        mut self,
        name: &str,
        _: impl FnOnce(Input, &Call) -> Result<Output, Error>,
    ) -> Self
    where
        Input: JsonSchema,
        Output: JsonSchema,
    {
        let output = schema::<Output>(SchemaSettings::draft2020_12().for_serialize());
        self.actions.insert(name.to_owned(), json!({ "input": input::<Input>(), "output": output }));
        self
    }

    /// Adds a guard.
    pub fn guard<Input: JsonSchema, Said>(mut self, name: &str, _: impl FnOnce(Input, &Transition) -> Said) -> Self {
        self.guards.insert(name.to_owned(), json!({ "input": input::<Input>() }));
        self
    }

    /// One JSON object as text.
    pub fn to_text(&self) -> String {
        json!({ "actions": self.actions, "guards": self.guards }).to_string()
    }
}

fn input<Input: JsonSchema>() -> Option<Value> {
    schema::<Input>(SchemaSettings::draft2020_12().for_deserialize())
}

/// The schema of a type; `None` where it says nothing, and for `()`, which stands for no output.
fn schema<T: JsonSchema>(settings: SchemaSettings) -> Option<Value> {
    let settings = settings.with(|settings| settings.meta_schema = None);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    let object = schema.as_object_mut()?;
    // Only the name of the Rust type.
    object.remove("title");
    let says_something = !object.is_empty() && object.get("type") != Some(&Value::from("null"));
    says_something.then_some(schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, Verdict};

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Input {
        /// Whom.
        name: String,
        #[serde(default)]
        loud: bool,
    }

    #[derive(serde::Serialize, schemars::JsonSchema)]
    struct Output {
        greeting: String,
    }

    fn greet(input: Input, _: &Call) -> Result<Output, Failure> {
        Ok(Output { greeting: input.name })
    }

    fn quiet(_: Value, _: &Call) -> Result<(), Failure> {
        Ok(())
    }

    fn gate(_: Input, _: &Transition) -> Verdict {
        Verdict::Allow
    }

    #[test]
    fn the_types_say_what_goes_in_and_what_comes_out() {
        let text = Described::new().action("run", greet).action("quiet", quiet).guard("gate", gate).to_text();
        let said: Value = serde_json::from_str(&text).expect("it is JSON");
        let input = json!({
            "type": "object",
            "properties": {
                "name": { "description": "Whom.", "type": "string" },
                "loud": { "type": "boolean", "default": false },
            },
            "required": ["name"],
            "additionalProperties": false,
        });
        let output = json!({
            "type": "object",
            "properties": { "greeting": { "type": "string" } },
            "required": ["greeting"],
        });
        assert_eq!(said["actions"]["run"], json!({ "input": input, "output": output }));
        assert_eq!(said["actions"]["quiet"], json!({ "input": null, "output": null }));
        assert_eq!(said["guards"]["gate"], json!({ "input": input }));
    }
}
