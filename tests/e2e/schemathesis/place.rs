//! A shop that has one of everything there is: for each kind of name in a path, some that lead somewhere.

use serde_json::{Value as Json, json};

use crate::world::World;

const GRANTS: &str = "model_version: \"1.0\"
plugins:
  ./tools/probe.wasm:
    grants: { workspace: { access: write }, artifacts: { access: write }, deployments: { apps: [web] } }
";
const WORKFLOW: &str = "model_version: \"1.0\"
workflow: { id: release, name: Release }
states:
  open: { type: initial, category: pending }
  done: { type: active, category: in_progress }
  gone: { type: final, category: completed }
transitions:
  - { from: open, to: done, name: Finish }
  - { from: done, to: open, name: Reopen }
  - { from: done, to: gone, name: Leave }
";
/// Pipelines by name: inputs and the one stage.
const PIPELINES: [(&str, &str, &str); 4] = [
    ("quick", "", "{ uses: ./tools/probe.wasm/noop }"),
    ("ask", "", "{ approval: {} }"),
    ("keep", "files: { type: object }", "{ uses: ./tools/probe.wasm/keep, with: { files: '${{ inputs.files }}' } }"),
    ("ship", "artifact: { type: string }", "{ uses: deploy, with: { app: web, artifact: '${{ inputs.artifact }}' } }"),
];
/// How many runs wait for an answer, and how many items there are.
const EACH: usize = 5;

/// What there is.
pub(super) struct Place {
    revision: String,
    runs: Vec<String>,
    items: Vec<String>,
    digest: String,
    /// A token that may be taken back.
    spare: String,
    /// Tokens that may not: what is sent is sent with them.
    kept: Vec<String>,
    /// A token that reads, starts runs and writes items, in the shop alone.
    pub(super) limited: String,
}

impl Place {
    /// Makes all of it.
    pub(super) async fn make(world: &World) -> Self {
        world.add_project().await;
        let revision = define(world).await;
        let start = async |pipeline: &str, inputs: Json| {
            let path = format!("/projects/shop/pipelines/{pipeline}/runs");
            text(&world.ok(world.post(&path).json(&json!({ "inputs": inputs }))).await["id"])
        };
        let quick = start("quick", json!({})).await;
        let keep = start("keep", json!({ "files": { "index.html": "hello" } })).await;
        world.finish(&quick).await;
        let digest = text(&world.finish(&keep).await["stages"][0]["outputs"]["digest"]);
        let ship = start("ship", json!({ "artifact": digest })).await;
        assert_eq!(world.finish(&ship).await["status"], "succeeded");
        let (mut runs, mut items) = (vec![quick, keep, ship], Vec::new());
        for number in 0..EACH {
            runs.push(start("ask", json!({})).await);
            let item = json!({ "title": format!("item {number}") });
            items.push(text(&world.ok(world.post("/projects/shop/items").json(&item)).await["id"]));
        }
        items.push("shop-1".to_owned());
        world.ok_empty(world.put("/projects/shop/env/REGION").json(&json!({ "value": "here" }))).await;
        world.ok_empty(world.put("/projects/shop/secrets/KEY").json(&json!({ "value": "hush" }))).await;
        let token = async |body: Json| world.ok(world.post("/tokens").json(&body)).await;
        let spare = token(json!({ "name": "spare", "scopes": ["read"] })).await;
        let scopes = ["read", "runs", "items"];
        let limited = token(json!({ "name": "guest", "scopes": scopes, "project": "shop" })).await;
        let spare = text(&spare["id"]);
        let all = world.ok(world.get("/tokens")).await;
        let kept = all["data"].as_array().expect("a list").iter().map(|token| text(&token["id"]));
        let kept = kept.filter(|id| *id != spare).collect();
        Self { revision, runs, items, digest, spare, kept, limited: text(&limited["token"]) }
    }

    /// Says it to the hooks: places whose names go together, and what is not to be removed.
    pub(super) fn describe(&self) -> Json {
        let definitions = [("pipeline", "quick"), ("workflow", "release")];
        let place = |(number, run): (usize, &String)| {
            let (kind, id) = definitions[number % definitions.len()];
            json!({
                "project": "shop", "revision": self.revision, "token": self.spare, "digest": self.digest,
                "run": run, "stage": "go", "pipeline": if number % 2 == 0 { "quick" } else { "ask" },
                "item": self.items[number % self.items.len()], "kind": kind, "id": id,
                "name": if number % 2 == 0 { "REGION" } else { "KEY" },
            })
        };
        let places: Vec<Json> = self.runs.iter().enumerate().map(place).collect();
        json!({ "places": places, "keep": { "token": self.kept } })
    }
}

/// Pushes the definitions; returns the revision of them.
async fn define(world: &World) -> String {
    let pipelines = PIPELINES.map(|(name, inputs, stage)| {
        let text = format!(
            "model_version: \"1.0\"\npipeline: {{ id: {name}, inputs: {{ {inputs} }} }}\nstages: {{ go: {stage} }}\n"
        );
        (format!(".kiket/pipelines/{name}.yaml"), text)
    });
    let mut files: Vec<(&str, &str)> = pipelines.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.extend([(".kiket/plugins.yaml", GRANTS), (".kiket/workflows/release.yaml", WORKFLOW)]);
    world.push(&files);
    let synced = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(synced["revision"]["status"], "active", "{synced:#}");
    text(&synced["revision"]["id"])
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
