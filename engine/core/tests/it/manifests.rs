//! What a plugin says of itself: what is read, what is refused and where, and what is made of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use kiket_core::catalog::{Catalog, Plugin};
use kiket_core::diagnostic::{Problems, render};
use kiket_core::grants::Capability;
use kiket_core::manifest::{Effect, Manifest};
use kiket_core::revision::compile;
use serde_json::json;

use crate::support::{pipeline, source};

const WHOLE: &str = r#"
model_version: "1.0"
delivery: wasm
id: policy
name: Policy
version: 1.2
description: Asks a policy
author: Ada
license: Apache-2.0
capabilities: [kv, { name: http, optional: true, reason: To fetch the policy }]
configuration:
  strict: { type: boolean, description: Whether doubt refuses, default: true }
  api_key: { type: string, secret: true, required: true }
actions:
  run:
    effect: checkable
    timeout: 90s
    input: { type: object, properties: { count: { type: integer } } }
    output:
      type: object
      properties: { score: { type: number, maximum: 1 } }
      required: [score]
      additionalProperties: false
guards:
  run: { timeout: 5s, input: { type: object, required: [calendar] } }
"#;

fn refused(text: &str) -> String {
    let (manifest, found) = Manifest::read("manifest.yaml", text);
    assert!(manifest.is_none());
    found.iter().map(|found| render(found, Some(text))).collect()
}

#[test]
fn a_whole_manifest_is_read() {
    let manifest = Manifest::parse(WHOLE).expect("it is one");
    let asks: Vec<_> = manifest.capabilities.iter().map(|ask| (ask.capability, ask.optional)).collect();
    assert_eq!(asks, [(Capability::Kv, false), (Capability::Http, true)]);
    assert_eq!((manifest.version.as_str(), manifest.actions["run"].effect), ("1.2", Effect::Checkable));
    assert_eq!(manifest.configuration["strict"].default, Some(json!(true)));
    assert!(manifest.configuration["api_key"].secret && manifest.configuration["api_key"].required);
    let plugin = Plugin::new("sha256:00", manifest).expect("its schemas are valid");
    assert_eq!(plugin.guard("run").map(|guard| guard.effect), Some(Effect::Pure));
}

#[test]
fn every_manifest_of_the_repository_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut seen = 0;
    for folder in ["plugins", "tests/guests"] {
        for entry in std::fs::read_dir(root.join(folder)).expect("the folder is there").flatten() {
            let Ok(text) = std::fs::read_to_string(entry.path().join("manifest.yaml")) else { continue };
            let made = Manifest::parse(&text).and_then(|manifest| Plugin::new("sha256:00", manifest));
            assert!(made.is_ok(), "{}: {made:?}", entry.path().display());
            let schema = jsonschema::draft202012::new(&Manifest::schema()).expect("the schema is one");
            let mut problems = Problems::new("manifest.yaml");
            let root = kiket_core::yaml::read(&text, &mut problems).expect("it is YAML");
            assert!(schema.is_valid(&root.to_json()), "{}", entry.path().display());
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen} manifests");
}

#[test]
fn an_output_is_held_against_its_schema() {
    let plugin = Plugin::new("sha256:00", Manifest::parse(WHOLE).expect("it is one")).expect("its schemas are valid");
    let action = plugin.action("run").expect("it is there");
    assert!(action.refuse_output(&json!({ "score": 0.5 })).is_empty());
    let refusals = action.refuse_output(&json!({ "score": 2, "socre": 1 }));
    let pointers: Vec<_> =
        refusals.iter().map(|refusal| (refusal.pointer.as_str(), refusal.unknown.is_some())).collect();
    assert_eq!(pointers, [("/score", false), ("", true)]);
}

#[test]
fn everything_wrong_is_said_with_its_place() {
    assert_snapshot!(refused(
        r#"
id: the policy
vresion: "1"
capabilities: [htpp, kv, { name: kv }, { reason: x }]
configuration:
  a: { type: text }
  b: { type: integer, default: many }
  c: { type: string, secret: true, default: x }
actions:
  run:
    effect: twice
    timeout: soon
    input: { type: object, properties: { count: { type: int } } }
    output: { type: object, pattern: "(" }
    recover: true
  Roll_Back!: {}
"#
    ));
    assert_snapshot!(refused("id: policy\ncapabilities: [http]\n"));
    assert_snapshot!(refused("id: policy\nactions: {}\nguards:\n  run:\n"));
    let error = Manifest::parse("id: policy\nactions: { run: { efect: pure } }").expect_err("a key is misspelt");
    assert_eq!(
        error.to_string(),
        "the manifest cannot be read: line 2: action \"run\" has no key \"efect\" (did you mean \"effect\"?)"
    );
    assert!(Manifest::parse("id: [").expect_err("it is no YAML").to_string().contains("line 1: "));
}

#[test]
fn a_stage_without_a_timeout_has_that_of_the_action() {
    let mut catalog = Catalog::default();
    let plugin = Plugin::new("sha256:00", Manifest::parse(WHOLE).expect("it is one")).expect("its schemas are valid");
    catalog.insert("policy", Arc::new(plugin));
    let text = pipeline("stages: { a: { uses: policy }, b: { uses: policy, timeout: 2m } }");
    let (revision, found) = compile(&[source("pipelines/p.yaml", &text)], &catalog);
    let plan = revision.unwrap_or_else(|| panic!("{found:#?}")).plan("p").expect("it compiles").clone();
    let timeouts: Vec<_> = plan.stages().map(|stage| stage.call().and_then(|call| call.timeout)).collect();
    assert_eq!(timeouts, [Some(Duration::from_secs(90)), Some(Duration::from_secs(120))]);
}
