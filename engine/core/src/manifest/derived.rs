//! A manifest together with what a component's own types say: the text that is embedded is complete.
//!
//! A schema that stands in the manifest counts, and one that was derived takes the place of none: what a person wrote
//! may be narrower than what a type can say.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{InvalidManifest, Manifest};
use crate::diagnostic::Problems;
use crate::yaml;

/// The schemas of a component's types, as it describes itself: every action and guard that it has.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Derived {
    /// By action.
    pub actions: BTreeMap<String, Parts>,
    /// By guard.
    pub guards: BTreeMap<String, Parts>,
}

/// The schemas of one action or guard.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parts {
    /// Of the input.
    pub input: Option<Json>,
    /// Of the output.
    pub output: Option<Json>,
}

/// A manifest that says everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Completed {
    /// Its text.
    pub text: String,
    /// What it says.
    pub manifest: Manifest,
    /// Schemas that stand in the manifest although the types have one as well: `the input of action "run"`.
    pub kept: Vec<String>,
}

impl Manifest {
    /// Puts the schemas of a component's types into a manifest's text.
    ///
    /// # Errors
    /// The manifest cannot be read, or it and the component do not have the same actions and guards.
    pub fn complete(text: &str, derived: &Derived) -> Result<Completed, InvalidManifest> {
        Self::parse(text)?;
        let mut problems = Problems::new("manifest.yaml");
        let root = yaml::read(text, &mut problems).map(|root| root.to_json());
        let Some(Json::Object(mut root)) = root else { return Err(InvalidManifest("it is empty".to_owned())) };
        let mut kept = Vec::new();
        complete(&mut root, "action", &derived.actions, &mut kept)?;
        complete(&mut root, "guard", &derived.guards, &mut kept)?;
        let text = format!("{:#}\n", Json::Object(root));
        let manifest = Self::parse(&text)?;
        Ok(Completed { text, manifest, kept })
    }
}

fn complete(
    root: &mut Map<String, Json>,
    what: &str,
    derived: &BTreeMap<String, Parts>,
    kept: &mut Vec<String>,
) -> Result<(), InvalidManifest> {
    let mut none = Map::new();
    let listed = root.get_mut(&format!("{what}s")).and_then(Json::as_object_mut).unwrap_or(&mut none);
    if let Some(name) = derived.keys().find(|name| !listed.contains_key(*name)) {
        return Err(InvalidManifest(format!(
            "the component has {what} \"{name:.80}\", and `{what}s` does not list it"
        )));
    }
    for (name, entry) in listed {
        let Some(parts) = derived.get(name) else {
            return Err(InvalidManifest(format!(
                "`{what}s` lists \"{name:.80}\", and the component has no such {what}"
            )));
        };
        if !entry.is_object() {
            *entry = Json::Object(Map::new());
        }
        for (part, schema) in [("input", &parts.input), ("output", &parts.output)] {
            let Some(schema) = schema else { continue };
            if entry.get(part).is_some_and(|stated| !stated.is_null()) {
                kept.push(format!("the {part} of {what} \"{name}\""));
            } else {
                entry[part] = schema.clone();
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MANIFEST: &str = "id: greet\nactions: { run: { effect: pure }, stop: { input: { type: string } } }\n";

    fn derived(names: &[&str]) -> Derived {
        let parts = || Parts { input: Some(json!({ "type": "object" })), output: Some(json!({ "type": "object" })) };
        Derived { actions: names.iter().map(|name| ((*name).to_owned(), parts())).collect(), ..Derived::default() }
    }

    #[test]
    fn what_is_missing_is_put_in_and_what_stands_there_counts() {
        let completed = Manifest::complete(MANIFEST, &derived(&["run", "stop"])).expect("they fit");
        assert_eq!(completed.kept, ["the input of action \"stop\""]);
        let manifest = Manifest::parse(&completed.text).expect("it is a manifest");
        assert_eq!(manifest, completed.manifest);
        assert_eq!(manifest.actions["run"].input, Some(json!({ "type": "object" })));
        assert_eq!(manifest.actions["stop"].input, Some(json!({ "type": "string" })));
        assert_eq!(manifest.actions["run"].effect.word(), "pure");
    }

    #[test]
    fn a_manifest_and_a_component_with_other_actions_do_not_fit() {
        let error =
            |names: &[&str]| Manifest::complete(MANIFEST, &derived(names)).expect_err("they differ").to_string();
        assert!(error(&["run"]).contains("`actions` lists \"stop\""), "{}", error(&["run"]));
        assert!(error(&["run", "stop", "go"]).contains("has action \"go\""));
    }
}
