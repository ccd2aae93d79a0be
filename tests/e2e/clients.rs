//! Clients that others wrote follow one run while the server goes down and comes back: npm's `eventsource`, Python's
//! `httpx-sse`, curl, and the EventSource of Chromium.
//!
//! Each reports what it has seen as lines of JSON. `cargo xtask setup` has fetched all of them.

mod curl;
mod proxy;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::world::{Frame, World};

/// How long a client may take for its next event.
const PATIENCE: Duration = Duration::from_secs(60);

const STAGES: &str = "stages:
  a: { uses: ./tools/probe.wasm/count, with: { lines: 20, text: tick } }
  ask: { needs: [a], approval: {} }
  b: { uses: ./tools/probe.wasm/count, needs: [ask], with: { lines: 20, text: tock } }
  c: { uses: ./tools/probe.wasm/noop, needs: [b] }
";

/// One who follows a run; the process ends with it.
struct Client {
    name: &'static str,
    process: Option<Child>,
    said: UnboundedReceiver<String>,
    seen: Vec<Frame>,
    closed: bool,
}

impl Client {
    /// A client that prints what it sees.
    fn start(name: &'static str, command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("`cargo xtask setup` has fetched it");
        let lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        let (sender, said) = mpsc::unbounded_channel();
        std::thread::spawn(move || forward(lines.map_while(Result::ok), &sender));
        Self { name, process: Some(process), said, seen: Vec::new(), closed: false }
    }

    /// A client whose words come from elsewhere.
    fn listen(name: &'static str, process: Option<Child>, said: UnboundedReceiver<String>) -> Self {
        Self { name, process, said, seen: Vec::new(), closed: false }
    }

    /// Goes on until the client has seen this, or to its end.
    async fn until(&mut self, kind: &str) {
        while !self.closed && self.seen.last().is_none_or(|frame| frame.kind != kind) {
            let said = tokio::time::timeout(PATIENCE, self.said.recv()).await;
            let Ok(Some(line)) = said else { panic!("{} does not go on after {:#?}", self.name, self.seen) };
            if line == "closed" {
                self.closed = true;
                continue;
            }
            let event: Json = serde_json::from_str(&line).expect("clients speak JSON");
            let text = |name: &str| event[name].as_str().expect("text");
            let kind = text("kind").to_owned();
            // The last id stays what it was where a block has none.
            let id = (kind != "end").then(|| text("id").parse().expect("ids are numbers"));
            self.seen.push(Frame { id, kind, data: serde_json::from_str(text("data")).expect("data is JSON") });
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn forward(lines: impl Iterator<Item = String>, to: &UnboundedSender<String>) {
    for line in lines {
        // Nobody listens after the test.
        let _ = to.send(line);
    }
}

/// Where xtask keeps what it fetched.
fn fetched(path: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("../xtask/foreign").join(path)
}

fn own(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/e2e/clients").join(file)
}

/// Every kind there is, and the end. EventSource takes only those that it was told of.
fn kinds() -> String {
    let schemas = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/events"));
    let files = schemas.expect("schemas are there").map(|file| file.expect("it can be read").file_name());
    let kinds = files.map(|file| file.to_string_lossy().trim_end_matches(".schema.json").to_owned());
    kinds.chain(["end".to_owned()]).collect::<Vec<_>>().join(",")
}

/// The package is looked for beside the script, so the script goes where the package is.
fn eventsource(url: &str, token: &str) -> Client {
    let script = fetched("eventsource/follow.mjs");
    std::fs::copy(own("follow.mjs"), &script).expect("`cargo xtask setup` has fetched it");
    let mut node = Command::new("node");
    Client::start("eventsource", node.arg(script).args([url, token, &kinds()]))
}

fn httpx_sse(url: &str, token: &str) -> Client {
    let mut python = Command::new(fetched("httpx-sse/bin/python"));
    Client::start("httpx-sse", python.arg(own("follow.py")).args([url, token]))
}

/// A browser cannot be told a header for its EventSource: a proxy in front of the server adds the token. Its profile is
/// in the folder.
async fn chromium(world: &World, run: &str, folder: &Path) -> Client {
    let (sender, said) = mpsc::unbounded_channel();
    let page = std::fs::read_to_string(own("follow.html")).expect("the page is there");
    let proxy = proxy::open(world.base(), world.token(), page, sender).await;
    let address = format!("http://{proxy}/?stream=/api/v1/runs/{run}/events&kinds={}", kinds());
    let mut chromium = Command::new("chromium");
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-proxy-server"]);
    chromium.args(["--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0"]);
    chromium.arg(format!("--user-data-dir={}", folder.display())).arg(address);
    let process = chromium.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Client::listen("chromium", Some(process.expect("`cargo xtask setup` has installed it")), said)
}

#[tokio::test]
async fn clients_of_others_follow_a_run_over_a_restart_without_gap_or_repeat() {
    let mut world = World::start().await;
    world.add_project().await;
    let run = world.run_pipeline(STAGES).await;
    let url = format!("{}/api/v1/runs/{run}/events", world.base());
    let profile = tempfile::tempdir().expect("a temporary folder");
    let mut clients = [
        eventsource(&url, world.token()),
        httpx_sse(&url, world.token()),
        curl::start(&url, world.token()),
        chromium(&world, &run, profile.path()).await,
    ];
    for client in &mut clients {
        client.until("run.waiting").await;
    }
    world.kill();
    world.boot_in_place();
    world.ok(world.post(&format!("/runs/{run}/stages/ask/approve")).json(&json!({}))).await;
    let told = world.follow(&run, Some(0)).await;
    for client in &mut clients {
        client.until("nothing but its own end").await;
        assert_eq!(client.seen, told, "{}", client.name);
        println!("{}: {} events", client.name, client.seen.len());
    }
    world.end().await;
}
