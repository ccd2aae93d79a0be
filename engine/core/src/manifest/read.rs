//! Reads a manifest: its shape first, then what the shape does not say.

use serde_json::Value as Json;

use super::record::FILE;
use super::{ActionManifest, Ask, Effect, GuardManifest, Manifest, Setting, SettingType};
use crate::decode::{boolean_at, duration_at, entries, items, scalar_at, text_at, word_at};
use crate::diagnostic::{Code, Diagnostic, Problems, Span};
use crate::grants::Capability;
use crate::source::Source;
use crate::yaml::{self, Key, Node, Value};

pub(super) fn read(path: &str, text: &str) -> (Option<Manifest>, Vec<Diagnostic>) {
    let source = Source::new(path, text);
    let mut problems = Problems::of(&source);
    let manifest = yaml::read(text, &mut problems).and_then(|root| decode(&root, &mut problems));
    let manifest = manifest.filter(|_| problems.errors() == 0);
    (manifest, problems.into_diagnostics())
}

fn decode(root: &Node, problems: &mut Problems<'_>) -> Option<Manifest> {
    FILE.check(root, problems);
    let Value::Mapping(_) = root.value else { return None };
    if root.get("actions").is_none() && root.get("guards").is_none() {
        let hint = "add `actions`, by their names: actions: { run: { effect: once } }";
        problems.report_with_hint(
            Code::MissingKey,
            Span::default(),
            "the plugin has neither an action nor a guard",
            hint,
        );
    }
    let word = |key: &str| scalar_at(root, key).unwrap_or_default();
    let mut capabilities: Vec<Ask> = Vec::new();
    for node in items(root.get("capabilities")) {
        let Some(ask) = ask(node) else { continue };
        if capabilities.iter().any(|other| other.capability == ask.capability) {
            let message = format!("the plugin asks for \"{}\" twice", ask.capability.word());
            problems.report(Code::InvalidValue, node.span, message);
        }
        capabilities.push(ask);
    }
    Some(Manifest {
        id: text_at(root, "id").unwrap_or_default().to_owned(),
        name: word("name"),
        version: word("version"),
        description: word("description"),
        author: word("author"),
        license: word("license"),
        actions: named(root, "actions").map(|(key, node)| (key.text.clone(), action(key, node, problems))).collect(),
        guards: named(root, "guards").map(|(key, node)| (key.text.clone(), guard(key, node, problems))).collect(),
        capabilities,
        configuration: named(root, "configuration")
            .filter_map(|(key, node)| Some((key.text.clone(), setting(key, node, problems)?)))
            .collect(),
    })
}

fn named<'n>(root: &'n Node, key: &str) -> impl Iterator<Item = (&'n Key, &'n Node)> + use<'n> {
    entries(root.get(key))
}

fn action(key: &Key, node: &Node, problems: &mut Problems<'_>) -> ActionManifest {
    let mut schema =
        |part: &str| schema(&format!("the {part} of action \"{:.80}\"", key.text), node.get(part), problems);
    ActionManifest {
        input: schema("input"),
        output: schema("output"),
        description: scalar_at(node, "description").unwrap_or_default(),
        effect: word_at(node, "effect", Effect::from_word).unwrap_or_default(),
        timeout: duration_at(node, "timeout"),
    }
}

fn guard(key: &Key, node: &Node, problems: &mut Problems<'_>) -> GuardManifest {
    GuardManifest {
        input: schema(&format!("the input of guard \"{:.80}\"", key.text), node.get("input"), problems),
        description: scalar_at(node, "description").unwrap_or_default(),
        timeout: duration_at(node, "timeout"),
    }
}

/// Returns a schema; one that is none is reported where it goes wrong.
fn schema(what: &str, node: Option<&Node>, problems: &mut Problems<'_>) -> Option<Json> {
    let node = node.filter(|node| matches!(node.value, Value::Mapping(_)))?;
    let schema = node.to_json();
    if let Err(error) = jsonschema::draft202012::new(&schema) {
        let pointer = error.instance_path().as_str();
        let place = if pointer.is_empty() { String::new() } else { format!(" at {pointer:.200}") };
        let message = format!("{what} is not a JSON Schema{place}: {error:.200}");
        problems.report(Code::InvalidSchema, node.at_pointer(pointer).span, message);
    }
    Some(schema)
}

fn ask(node: &Node) -> Option<Ask> {
    let name = node.as_str().or_else(|| text_at(node, "name"))?;
    Some(Ask {
        capability: Capability::from_word(name)?,
        optional: boolean_at(node, "optional").unwrap_or_default(),
        reason: scalar_at(node, "reason").unwrap_or_default(),
    })
}

fn setting(key: &Key, node: &Node, problems: &mut Problems<'_>) -> Option<Setting> {
    let kind = word_at(node, "type", SettingType::from_word)?;
    let default = node.get("default").filter(|node| node.value != Value::Null);
    let secret = boolean_at(node, "secret").unwrap_or_default();
    if let Some(default) = default {
        let name = &key.text;
        if secret {
            let message = format!("setting \"{name:.80}\" is a secret, and a secret has no default");
            problems.report(Code::InvalidValue, default.span, message);
        } else if !kind.takes(&default.to_json()) {
            let message = format!("the default of setting \"{name:.80}\" is not of its type");
            problems.report(Code::InvalidValue, default.span, message);
        }
    }
    Some(Setting {
        kind,
        description: scalar_at(node, "description").unwrap_or_default(),
        secret,
        required: boolean_at(node, "required").unwrap_or_default(),
        default: default.map(Node::to_json),
    })
}
