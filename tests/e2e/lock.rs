//! A project that pins its plugins: what is not pinned is refused, on other branches as well, and a restart changes
//! nothing.

use serde_json::{Value as Json, json};

use crate::world::{World, git};

const PIPELINE: &str = "model_version: \"1.0\"\npipeline: { id: p }\nstages: { a: { uses: ./tools/probe.wasm/noop }, b: { uses: execute, with: { language: javascript, source: '1' } } }\n";

fn lock(digest: &str) -> String {
    format!(
        "model_version: \"1.0\"\nplugins:\n  execute: {{}}\n  ./tools/probe.wasm: {{ digest: {digest}, grants: {{ kv: {{}} }} }}\n"
    )
}

/// The errors among what is said of a revision.
fn errors(revision: &Json) -> Vec<String> {
    let found = revision["diagnostics"].as_array().expect("a list").iter();
    let errors = found.filter(|found| found["severity"] == "error");
    errors.map(|found| format!("{} {}", found["code"], found["message"])).collect()
}

#[tokio::test]
async fn a_component_that_is_not_pinned_is_refused_and_one_that_is_runs_after_a_restart() {
    let mut world = World::start().await;
    world.push(&[("README.md", "first")]);
    world.add_project().await;
    let grants = "model_version: \"1.0\"\nplugins: { ./tools/probe.wasm: { grants: { kv: {} } } }\n";
    let files = [(".kiket/pipelines/p.yaml", PIPELINE), (".kiket/plugins.yaml", grants)];
    world.push(&files);
    world.push(&[(".kiket/plugins.lock", &lock("sha256:00"))]);
    let refused = world.ok(world.post("/projects/shop/sync")).await;
    let said = errors(&refused["revision"]);
    assert!(said.len() == 1 && said[0].contains("E0126") && said[0].contains("pins sha256:00"), "{refused:#}");
    let is = said[0].split(" is ").nth(1).and_then(|rest| rest.split(',').next()).expect("it says what is there");
    assert_eq!(is.len(), "sha256:".len() + 64, "{is}");

    world.push(&[(".kiket/plugins.lock", &lock(is))]);
    let taken = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!((&taken["revision"]["status"], errors(&taken["revision"])), (&json!("active"), vec![]), "{taken:#}");
    world.kill();
    world.boot();
    let run = world.trigger("p").await;
    assert_eq!(world.finish(&run).await["status"], "succeeded");

    // Another branch brings another component and a lock that pins it: the active revision's lock counts.
    git(&world.work(), &["checkout", "--quiet", "-b", "feature"]);
    std::fs::copy(world.work().join("tools/probe.wasm"), world.work().join("tools/other.wasm")).expect("a copy");
    let pipeline = PIPELINE.replace("probe.wasm", "other.wasm");
    let own = lock(is).replace("probe.wasm", "other.wasm");
    let commit = world.push(&[(".kiket/pipelines/p.yaml", &pipeline), (".kiket/plugins.lock", &own)]);
    let body = json!({"ref": "refs/heads/feature", "after": commit}).to_string().into_bytes();
    world.deliver("feature", body).await;
    let rejected = world
        .until(async || {
            let revisions = world.ok(world.get("/projects/shop/revisions")).await;
            revisions["data"].as_array().expect("a list").iter().find(|one| one["commit"] == commit.as_str()).cloned()
        })
        .await;
    let id = rejected["id"].as_str().expect("it has an id");
    let whole = world.ok(world.get(&format!("/projects/shop/revisions/{id}"))).await;
    let said = errors(&whole);
    assert!(said.len() == 1 && said[0].contains("plugins.lock does not pin it"), "{whole:#}");
    world.end().await;
}
