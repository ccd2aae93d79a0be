//! The plugins that a project's stages can use: what the compiler checks `uses:` and `with:` against.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value as Json;

use crate::definition::component_path;
use crate::manifest::{DEFAULT_ACTION, Effect, InvalidManifest, Manifest};

/// Plugins by the name that `uses:` gives them: `notify`, `./tools/risk.wasm`.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    plugins: BTreeMap<String, Arc<Plugin>>,
}

/// A plugin at one content.
pub struct Plugin {
    /// Digest of the component, `sha256:…`.
    pub digest: String,
    /// What it says of itself.
    pub manifest: Manifest,
    actions: BTreeMap<String, Action>,
}

/// An action and its compiled schemas.
pub struct Action {
    /// What a crash in its middle means.
    pub effect: Effect,
    /// Input fields that hold code and take no expression.
    pub code_fields: Vec<String>,
    /// Input fields that hold the address of an HTTP request, whose host has to be granted.
    pub url_fields: Vec<String>,
    input: Option<Validator>,
    /// What `input` was made of; null where the action has no schema.
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

impl Catalog {
    /// Adds a plugin under the name that `uses:` gives it, or replaces the one of that name.
    pub fn insert(&mut self, name: impl Into<String>, plugin: Arc<Plugin>) {
        self.plugins.insert(name.into(), plugin);
    }

    /// Returns the plugin of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.plugins.get(name)
    }

    /// Returns the names of all plugins in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.plugins.keys().map(String::as_str)
    }
}

impl Plugin {
    /// Makes a plugin of a component's digest and manifest; its schemas have to be valid.
    pub fn new(digest: impl Into<String>, manifest: Manifest) -> Result<Self, InvalidManifest> {
        let mut actions = BTreeMap::new();
        for (name, action) in &manifest.actions {
            let schema = action.input.as_ref().map(jsonschema::draft202012::new).transpose();
            let input = schema.map_err(|error| InvalidManifest(format!("the input schema of {name}: {error}")))?;
            let marked = |mark| action.input.as_ref().map(|schema| marked(schema, mark)).unwrap_or_default();
            let (code_fields, url_fields) = (marked("x-kiket-code"), marked("x-kiket-url"));
            let schema = action.input.clone().unwrap_or_default();
            actions.insert(name.clone(), Action { effect: action.effect, code_fields, url_fields, input, schema });
        }
        Ok(Self { digest: digest.into(), manifest, actions })
    }

    /// Returns the action of that name.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.get(name)
    }

    /// Returns the names of all actions in order.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.actions.keys().map(String::as_str)
    }
}

impl Action {
    /// Returns everything in an input that its schema refuses.
    #[must_use]
    pub fn refuse(&self, input: &Json) -> Vec<Refusal> {
        let Some(validator) = &self.input else { return Vec::new() };
        validator.iter_errors(input).flat_map(|error| self.refusals(&error)).collect()
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

/// Splits `uses:` into the plugin's name and the action's.
#[must_use]
pub fn split_uses(uses: &str) -> (&str, &str) {
    let name =
        component_path(uses).map_or_else(|| uses.find('/').unwrap_or(uses.len()), |path| path.len() + "./".len());
    let action = uses[name..].strip_prefix('/').filter(|action| !action.is_empty());
    (&uses[..name], action.unwrap_or(DEFAULT_ACTION))
}

/// Fields on the first level that the schema marks with `mark: true`.
fn marked(schema: &Json, mark: &str) -> Vec<String> {
    let properties = schema.get("properties").and_then(Json::as_object);
    let marked = |schema: &Json| schema.get(mark) == Some(&Json::Bool(true));
    properties.into_iter().flatten().filter(|(_, schema)| marked(schema)).map(|(name, _)| name.clone()).collect()
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("digest", &self.digest).field("id", &self.manifest.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_the_plugin_from_its_action() {
        assert_eq!(split_uses("notify"), ("notify", "run"));
        assert_eq!(split_uses("deploy/rollback"), ("deploy", "rollback"));
        assert_eq!(split_uses("./tools/risk.wasm"), ("./tools/risk.wasm", "run"));
        assert_eq!(split_uses("./tools/risk.wasm/score"), ("./tools/risk.wasm", "score"));
        assert_eq!(split_uses("notify/"), ("notify", "run"));
    }
}
