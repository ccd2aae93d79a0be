//! What plugins may do: built-in grants, those of the file, the lock, and secrets in calls.

use std::sync::Arc;

use insta::assert_snapshot;
use kiket_core::Source;
use kiket_core::catalog::{Catalog, Plugin};
use kiket_core::diagnostic::{Diagnostic, render};
use kiket_core::expression::Placeholders;
use kiket_core::grants::{Access, PluginGrants, builtin};
use kiket_core::manifest::Manifest;
use kiket_core::revision::{Revision, compile, lock, rebuild};
use serde_json::{Value as Json, json};

use crate::support::{World, pipeline, source};

const GRANTS: &str = r#"
model_version: "1.0"
plugins:
  work:
    grants:
      http: { host: API.example.com, methods: get }
      secrets:
        - { name: TOKEN, use: [header, sign], hosts: ["*.example.com"] }
        - { name: TOKEN, use: reveal }
      kv: {}
      workspace: { access: read }
      artifacts: { access: write, quota: 10MiB }
      process: { programs: [cargo, /usr/bin/make], network: true, memory: 1073741824 }
      items: { scopes: [transitions:write, items:read] }
      mail:
        servers: [{ host: smtp.example.com }, { host: 127.0.0.1, tls: none, port: 2525 }]
        to: ["*@example.com"]
      deployments: { apps: "*" }
"#;

fn catalog() -> Catalog {
    let mut catalog = crate::support::catalog();
    let build = Manifest::parse("id: build\nactions: { run: {} }").expect("the manifest is valid");
    let build = Arc::new(Plugin::new("sha256:b0", build).expect("it has no schemas"));
    catalog.insert_bundled("build", Arc::clone(&build));
    // The same component, brought along by the repository.
    catalog.insert("./build.wasm", build);
    catalog
}

fn project(files: &[(&str, &str)]) -> Vec<Source> {
    files.iter().map(|(path, text)| source(path, text)).collect()
}

fn compiled(files: &[(&str, &str)]) -> Revision {
    let (revision, found) = compile(&project(files), &catalog());
    revision.unwrap_or_else(|| panic!("{found:#?}"))
}

fn codes(found: &[Diagnostic]) -> Vec<&str> {
    found.iter().map(|found| found.code.text()).collect()
}

#[test]
fn grants_are_read_with_their_defaults_and_serialised_as_they_are_written() {
    let revision = compiled(&[("plugins.yaml", GRANTS)]);
    let grants = revision.grants("work").expect("there are some");
    let written = serde_json::to_value(&**grants).expect("they are plain data");
    assert_snapshot!(serde_json::to_string_pretty(&written).expect("it is JSON"));
    assert_eq!(serde_json::from_value::<PluginGrants>(written).expect("it is read back"), **grants);
}

#[test]
fn built_in_grants_belong_to_the_bundled_name_alone() {
    let revision = compiled(&[("pipelines/p.yaml", &pipeline("stages: { a: { uses: build }, b: { uses: work } }"))]);
    assert_eq!(revision.grants("build").map(|grants| (**grants).clone()), Some(builtin("build")));
    assert_eq!(revision.grants("./build.wasm"), None);
    assert_eq!(revision.grants("work"), None);
    assert!(["execute", "notify", "http", "./build.wasm"].into_iter().all(|name| builtin(name).is_empty()));
    assert!(builtin("deploy").deployments.is_some_and(|grant| grant.covers("shop")));
}

#[test]
fn a_file_replaces_built_in_grants_capability_by_capability() {
    let file = "model_version: \"1.0\"\nplugins:\n  build:\n    grants: { workspace: { access: read }, kv: {} }\n  ./build.wasm: { grants: { kv: {} } }\n";
    let revision = compiled(&[("plugins.yaml", file)]);
    let grants = revision.grants("build").expect("there are some");
    assert_eq!(grants.workspace.as_ref().map(|grant| grant.access), Some(Access::Read));
    assert_eq!((grants.kv.is_some(), &grants.process), (true, &builtin("build").process));
    let own = revision.grants("./build.wasm").expect("there are some");
    assert_eq!((own.kv.is_some(), &own.process), (true, &None));
}

const USES: &str = "stages: { a: { uses: build }, b: { uses: work }, c: { uses: ./build.wasm } }";
const FILE: &str =
    "model_version: \"1.0\"\nplugins:\n  work: { grants: { http: [{ host: \"*.example.com\" }], kv: {} } }\n";

#[test]
fn the_lock_that_is_written_is_the_lock_that_holds() {
    let uses = pipeline(USES);
    let files = [("pipelines/p.yaml", uses.as_str()), ("plugins.yaml", FILE)];
    let (text, found) = lock(&project(&files), &catalog());
    let text = text.unwrap_or_else(|| panic!("{found:#?}"));
    assert_snapshot!(text);
    let locked = [files[0], files[1], ("plugins.lock", text.as_str())];
    let (revision, found) = compile(&project(&locked), &catalog());
    assert!(revision.is_some() && found.is_empty(), "{found:#?}");
    assert_eq!(lock(&project(&locked), &catalog()).0, Some(text));
}

#[test]
fn a_lock_refuses_what_it_does_not_pin_and_a_revision_that_was_published_keeps_what_it_pins() {
    let uses = pipeline(USES);
    let before = project(&[("pipelines/p.yaml", uses.as_str()), ("plugins.yaml", FILE)]);
    let text = lock(&before, &catalog()).0.expect("the project is right");
    let wider = FILE.replace("kv: {}", "kv: { quota: 2MiB }, items: { scopes: items:read }");
    let changed = project(&[
        ("pipelines/p.yaml", uses.as_str()),
        ("plugins.yaml", &wider),
        ("plugins.lock", &text.replace("sha256:b0", "sha256:b1")),
    ]);
    let (revision, found) = compile(&changed, &catalog());
    assert!(revision.is_none());
    assert_snapshot!(found.iter().map(|found| render(found, None)).collect::<String>());
    // As if a later kiket had other built-in grants: what was published counts.
    let revision = rebuild(&changed, &catalog()).expect("it was published before");
    assert_eq!(revision.grants("work").and_then(|grants| grants.kv.as_ref()).map(|kv| kv.quota), Some(1 << 20));
    assert_eq!(revision.grants("work").and_then(|grants| grants.items.as_ref()), None);
}

#[test]
fn a_lock_says_nothing_of_what_other_levels_use() {
    let uses = pipeline("stages: { b: { uses: work } }");
    let own = [("pipelines/p.yaml", uses.as_str())];
    let text = lock(&project(&own), &catalog()).0.expect("the project is right");
    let mut sources = project(&[own[0], ("plugins.lock", &text)]);
    let mut shared = source("pipelines/q.yaml", &pipeline("stages: { a: { uses: build } }").replace("id: p", "id: q"));
    shared.origin.level = kiket_core::Level::Organisation;
    sources.push(shared);
    let (revision, found) = compile(&sources, &catalog());
    assert!(revision.is_some(), "{found:#?}");
    sources[2].origin.level = kiket_core::Level::Repository;
    assert_eq!(codes(&compile(&sources, &catalog()).1), ["E0126"]);
}

#[test]
fn a_call_carries_placeholders_and_never_a_secret() {
    let file = "model_version: \"1.0\"\nplugins: { work: { grants: { secrets: [{ name: TOKEN, use: [header, reveal], hosts: [a.example.com] }] } } }\n";
    let stages = pipeline(
        "stages:\n  a:\n    uses: work\n    with: { headers: { authorization: \"Bearer ${{ secret('TOKEN') }}\" }, all: [\"${{ secret('TOKEN') }}\"] }\n    env: { TOKEN: \"${{ secret('TOKEN') }}\", N: 1 }\n",
    );
    let revision = compiled(&[("plugins.yaml", file), ("pipelines/p.yaml", &stages)]);
    let plan = revision.plan("p").expect("it compiles");
    let (stage, call) = (plan.stage(0), plan.stage(0).call().expect("it is a call"));
    assert_eq!(call.secrets().into_iter().collect::<Vec<_>>(), ["TOKEN"]);
    let world = World::start("stages: { a: { uses: work } }", json!({}));
    let made = world.run.call(plan, stage, call, 1, Some(&Placeholders::new("0f"))).expect("it has a value");
    let text = Json::from("kiket-secret.0f.TOKEN.");
    assert_eq!(made.input["headers"]["authorization"], "Bearer kiket-secret.0f.TOKEN.");
    assert_eq!((&made.input["all"][0], made.env[0].1.as_str()), (&text, "kiket-secret.0f.TOKEN."));
    let refused = world.run.call(plan, stage, call, 1, None).expect_err("nobody makes placeholders");
    assert!(refused.to_string().ends_with("secrets cannot be used here"), "{refused}");
    assert!(!format!("{:?}", Placeholders::new("0f")).contains("0f"));
}
