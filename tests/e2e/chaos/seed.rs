//! What every server under chaos begins with: a data folder with a project, its definitions and compiled plugins, and
//! one commit that nobody has told the server of yet.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::place::Place;
use crate::sink::Sink;
use crate::world::World;

/// A stopped server to make copies of.
pub(super) struct Seed {
    world: World,
    pub(super) sink: Sink,
    /// The commit that the server has not seen.
    pub(super) commit: String,
    /// An item that waits to be shipped.
    pub(super) item: String,
    /// How many runs there are.
    pub(super) runs: usize,
    /// How long anything may take before it counts as stuck. Nothing takes so long; the machine may be busy.
    pub(super) patience: Duration,
    /// How many calls of each kind one thread makes, once that is known.
    pub(super) calls: OnceCell<BTreeMap<String, u32>>,
}

/// The definitions; `SINK` is the address of the far side.
const FILES: [(&str, &str); 6] = [
    (
        ".kiket/plugins.yaml",
        "model_version: \"1.0\"
plugins:
  ./tools/probe.wasm:
    grants:
      http: [{ scheme: http, host: 127.0.0.1, port: PORT }]
      artifacts: { access: write }
      workspace: { access: write }
",
    ),
    (
        ".kiket/pipelines/pay.yaml",
        "model_version: \"1.0\"
pipeline: { id: pay }
stages:
  idem: { uses: ./tools/probe.wasm/pay, effect: idempotent, with: { url: 'SINK/idem', parts: 2 } }
  once: { needs: [idem], uses: ./tools/probe.wasm/pay, effect: once, with: { url: 'SINK/once', parts: 1 } }
  keep: { needs: [once], uses: ./tools/probe.wasm/keep, with: { files: { run.txt: '${{ run.id }}' } } }
",
    ),
    (
        ".kiket/pipelines/ask.yaml",
        "model_version: \"1.0\"
pipeline: { id: ask }
stages:
  before: { uses: ./tools/probe.wasm/noop }
  ask: { needs: [before], approval: { message: 'Pay?' } }
  idem: { needs: [ask], uses: ./tools/probe.wasm/pay, effect: idempotent, with: { url: 'SINK/idem', parts: 1 } }
",
    ),
    (
        ".kiket/pipelines/retry.yaml",
        "model_version: \"1.0\"
pipeline: { id: retry }
stages:
  before: { uses: ./tools/probe.wasm/noop }
  busy:
    needs: [before]
    uses: ./tools/probe.wasm/fail
    with: { kind: transient, message: busy, until_attempt: 2 }
    retry: { max_attempts: 9, backoff: 100ms }
  once: { needs: [busy], uses: ./tools/probe.wasm/pay, effect: once, with: { url: 'SINK/once', parts: 1 } }
",
    ),
    (
        ".kiket/pipelines/push.yaml",
        "model_version: \"1.0\"
pipeline: { id: push, on: { push: {} } }
stages:
  idem: { uses: ./tools/probe.wasm/pay, effect: idempotent, with: { url: 'SINK/idem', parts: 1 } }
  once: { needs: [idem], uses: ./tools/probe.wasm/pay, effect: once, with: { url: 'SINK/once', parts: 1 } }
  after: { needs: [once], uses: ./tools/probe.wasm/noop }
",
    ),
    (
        ".kiket/workflows/release.yaml",
        "model_version: \"1.0\"
workflow: { id: release, name: Release }
states:
  open: { type: initial, category: pending }
  live: { type: final, category: completed }
transitions:
  - from: open
    to: live
    name: Ship
    wait: true
    actions:
      build: { uses: ./tools/probe.wasm/noop }
      tell: { needs: [build], uses: ./tools/probe.wasm/pay, effect: idempotent, with: { url: 'SINK/idem', parts: 1 } }
",
    ),
];

impl Seed {
    /// Makes one, with a server that is told more by its environment.
    pub(super) async fn grow() -> Self {
        let sink = Sink::open().await;
        let mut world = World::start().await;
        world.is_checked_elsewhere();
        Self::push_definitions(&world, &sink);
        world.add_project().await;
        let synced = world.ok(world.post("/projects/shop/sync")).await;
        assert_eq!(synced["revision"]["status"], "active", "{synced:#}");
        let created = world.ok(world.post("/projects/shop/items").json(&json!({ "title": "v1" }))).await;
        let item = created["id"].as_str().expect("an item has an id").to_owned();
        // From here on the plugins are compiled, and what they did is on record.
        let run = world.trigger("pay").await;
        assert_eq!(world.finish(&run).await["status"], "succeeded");
        let runs = world.ok(world.get("/runs?project=shop&limit=200")).await;
        let runs = runs["data"].as_array().expect("a list").len();
        let commit = world.push(&[]);
        world.stop();
        Self { world, sink, commit, item, runs, patience: Duration::from_secs(60), calls: OnceCell::new() }
    }

    /// Commits the definitions, and pushes them.
    pub(super) fn push_definitions(world: &World, sink: &Sink) {
        let address = sink.url("");
        let filled = FILES.map(|(path, text)| {
            let text = text.replace("SINK", address.trim_end_matches('/')).replace("PORT", &sink.port.to_string());
            (path, text)
        });
        world.push(&filled.each_ref().map(|(path, text)| (*path, text.as_str())));
    }

    /// A copy of the data folder, and nobody who serves it yet.
    pub(super) fn copy(&self) -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        copy(&self.world.data(), &folder.path().join("data"));
        Place::at(folder, self.world.token())
    }

    /// The address of the repository.
    pub(super) fn origin(&self) -> String {
        self.world.origin()
    }

    /// The body of the delivery that tells of the commit.
    pub(super) fn payload(&self) -> Vec<u8> {
        self.world.payload(&self.commit)
    }
}

/// Copies a folder. Components never change once they are there, so they are linked.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("the place is free");
    for entry in fs::read_dir(from).expect("the folder can be read").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().expect("it is there").is_dir() {
            copy(&path, &target);
        } else if path.extension().is_some_and(|extension| extension == "wasm") {
            fs::hard_link(&path, &target).expect("it can be linked");
        } else {
            fs::copy(&path, &target).expect("it can be copied");
        }
    }
}

/// A folder that is gone with its value.
pub(super) type Folder = TempDir;
