//! A project whose pipelines put sites live, and verbs to act on it.

use std::collections::BTreeMap;

use reqwest::{Client, redirect};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use crate::world::World;

const GRANTS: &str = "model_version: \"1.0\"
plugins:
  ./tools/probe.wasm:
    grants: { workspace: { access: write }, artifacts: { access: write }, deployments: { apps: [web] } }
";

/// Pipelines by name: inputs and the one stage.
const PIPELINES: [(&str, &str, &str); 6] = [
    ("keep", "files: { type: object }", "{ uses: ./tools/probe.wasm/keep, with: { files: '${{ inputs.files }}' } }"),
    (
        "ship",
        "artifact: { type: string }, health: { type: object, default: {} }",
        "{ uses: deploy, with: { app: web, artifact: '${{ inputs.artifact }}', health: '${{ inputs.health }}' } }",
    ),
    ("docs", "artifact: { type: string }", "{ uses: deploy, with: { app: docs, artifact: '${{ inputs.artifact }}' } }"),
    ("back", "", "{ uses: deploy/rollback, with: { app: web } }"),
    ("call", "call: { type: object }", "{ uses: ./tools/probe.wasm/site, with: { call: '${{ inputs.call }}' } }"),
    ("look", "call: { type: object }", "{ uses: ./tools/probe.wasm/look, with: { call: '${{ inputs.call }}' } }"),
];

/// One project and its visitors.
pub(super) struct Site<'w> {
    world: &'w World,
    project: &'static str,
    http: Client,
}

impl<'w> Site<'w> {
    /// Adds project `shop` with all pipelines.
    pub(super) async fn begin(world: &'w World) -> Self {
        let pipelines = PIPELINES.map(|(name, inputs, stage)| {
            let text = format!(
                "model_version: \"1.0\"\npipeline: {{ id: {name}, inputs: {{ {inputs} }} }}\nstages: {{ go: {stage} }}\n"
            );
            (format!(".kiket/pipelines/{name}.yaml"), text)
        });
        let mut files: Vec<(&str, &str)> =
            pipelines.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        files.push((".kiket/plugins.yaml", GRANTS));
        world.add_project().await;
        world.push(&files);
        let synced = world.ok(world.post("/projects/shop/sync")).await;
        assert_eq!(synced["revision"]["status"], "active", "{synced:#}");
        Self::of(world, "shop")
    }

    pub(super) fn of(world: &'w World, project: &'static str) -> Self {
        let http = Client::builder().no_proxy().redirect(redirect::Policy::none()).build().expect("a client");
        Self { world, project, http }
    }

    /// Starts a pipeline.
    pub(super) async fn start(&self, pipeline: &str, inputs: Json) -> String {
        let path = format!("/projects/{}/pipelines/{pipeline}/runs", self.project);
        let started = self.world.ok(self.world.post(&path).json(&json!({ "inputs": inputs }))).await;
        started["id"].as_str().expect("a run has an id").to_owned()
    }

    /// Starts a pipeline and returns the run when it has ended, with the outputs of its stage.
    pub(super) async fn run(&self, pipeline: &str, inputs: Json) -> Json {
        let run = self.start(pipeline, inputs).await;
        self.finish(&run).await
    }

    /// Returns a run when it has ended.
    pub(super) async fn finish(&self, run: &str) -> Json {
        let mut run = self.world.finish(run).await;
        run["outputs"] = run["stages"][0]["outputs"].clone();
        run
    }

    /// Puts files live as app `web`.
    pub(super) async fn deploy(&self, files: &[(&str, &str)]) -> Json {
        self.ship(files, json!({})).await
    }

    /// The same, where the pipeline says what is healthy.
    pub(super) async fn ship(&self, files: &[(&str, &str)], health: Json) -> Json {
        self.run("ship", json!({ "artifact": self.keep(files).await, "health": health })).await
    }

    /// Makes one call about sites from inside of a stage.
    pub(super) async fn call(&self, call: Json) -> Json {
        self.run("call", json!({ "call": call })).await["outputs"].clone()
    }

    /// Keeps files as an artifact; returns its digest.
    pub(super) async fn keep(&self, files: &[(&str, &str)]) -> String {
        let files: BTreeMap<_, _> = files.iter().copied().collect();
        let kept = self.run("keep", json!({ "files": files })).await;
        kept["outputs"]["digest"].as_str().unwrap_or_else(|| panic!("{kept:#}")).to_owned()
    }

    /// Keeps an artifact, and puts another archive in its place that no stage would make.
    pub(super) async fn keep_archive(&self, archive: &[u8]) -> String {
        let digest = self.keep(&[("index.html", &hex::encode(Sha256::digest(archive)))]).await;
        let hex = digest.trim_start_matches("sha256:");
        std::fs::write(self.world.data().join("artifacts").join(&hex[..2]).join(hex), archive).expect("an archive");
        digest
    }

    /// Visits a page.
    pub(super) async fn text(&self, url: &Json) -> (u16, String) {
        let url = url.as_str().expect("an address");
        let answer = self.http.get(url).send().await.expect("the sites are served");
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    }

    pub(super) fn visitor(&self) -> &Client {
        &self.http
    }
}

/// A site of one page.
pub(super) fn page(text: &'static str) -> [(&'static str, &'static str); 1] {
    [("index.html", text)]
}

/// An archive with a page that is a link to the database.
pub(super) fn link() -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    entry(&mut tar, EntryType::Symlink, "index.html", "../../kiket.db");
    tar.into_inner().expect("an archive")
}

/// An archive with a page beside the folder of all sites.
pub(super) fn climber() -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    entry(&mut tar, EntryType::Regular, "index.html", "good");
    entry(&mut tar, EntryType::Regular, "../../sites-escaped.html", "bad");
    tar.into_inner().expect("an archive")
}

/// Writes an entry without asking whether it is a good one.
fn entry(tar: &mut Builder<Vec<u8>>, kind: EntryType, name: &str, text: &str) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    let content = if kind == EntryType::Symlink {
        header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
        ""
    } else {
        text
    };
    header.set_size(content.len() as u64);
    header.set_cksum();
    tar.append(&header, content.as_bytes()).expect("an entry");
}
