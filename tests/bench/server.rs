//! A server process with one project whose pipelines use the probe plugin.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use reqwest::{Client, Response};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// A server under load; it ends with this value.
pub(crate) struct Server {
    process: Child,
    _stdout: Lines<BufReader<ChildStdout>>,
    _folder: TempDir,
    base: String,
    token: String,
    http: Client,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    ended: HashMap<String, String>,
    wanted: HashMap<String, oneshot::Sender<String>>,
}

impl Server {
    /// Starts a server whose project has the given pipeline `p`, and follows the ends of its runs.
    pub(crate) async fn start(stages: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repository = folder.path().join("shop");
        let write = |path: &str, bytes: &[u8]| {
            let path = repository.join(path);
            std::fs::create_dir_all(path.parent().expect("files have folders")).expect("a folder");
            std::fs::write(path, bytes).expect("a file");
        };
        let probe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/dist/test/probe.wasm");
        write("tools/probe.wasm", &std::fs::read(probe).expect("`cargo xtask setup` has built the probe"));
        let text = format!("model_version: \"1.0\"\npipeline: {{ id: p }}\n{stages}");
        write(".kiket/pipelines/p.yaml", text.as_bytes());
        let git = |arguments: &[&str]| {
            let who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
            let status = Command::new("git").current_dir(&repository).args(who).args(arguments).status();
            assert!(status.expect("git is installed").success(), "git {arguments:?}");
        };
        git(&["init", "--quiet", "--initial-branch=main"]);
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "-m", "bench"]);

        let mut process = Command::new(env!("CARGO_BIN_EXE_kiket"))
            .args(["serve", "--listen", "127.0.0.1:0", "--sites-listen", "off", "--data"])
            .arg(folder.path().join("data"))
            .env("KIKET_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        let mut next = || lines.next().expect("the server says where it listens").expect("it writes text");
        let base = next().strip_prefix("listening on ").expect("the address comes first").to_owned();
        let token = next().strip_prefix("admin token: ").expect("a new server shows its token").to_owned();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().no_proxy().build().expect("a client");
        let server = Self { process, _stdout: lines, _folder: folder, base, token, http, waiting: Arc::default() };
        let url = format!("file://{}", repository.display());
        let project = server.post("/projects", json!({"name": "shop", "url": url})).await;
        assert_eq!(project["active_revision"]["status"], "active", "{project:#}");
        server.listen().await;
        server
    }

    /// Starts a run and waits for its end.
    pub(crate) async fn run(&self) {
        let started = self.post("/projects/shop/pipelines/p/runs", json!({})).await;
        let id = started["id"].as_str().expect("a run has an id").to_owned();
        let receiver = {
            let mut waiting = self.waiting.lock().expect("nobody panicked");
            match waiting.ended.remove(&id) {
                Some(kind) => return assert_eq!(kind, "run.succeeded"),
                None => {
                    let (sender, receiver) = oneshot::channel();
                    waiting.wanted.insert(id, sender);
                    receiver
                }
            }
        };
        assert_eq!(receiver.await.expect("the stream goes on"), "run.succeeded");
    }

    async fn post(&self, path: &str, body: Json) -> Json {
        let url = format!("{}/api/v1{path}", self.base);
        let answer = self.http.post(url).bearer_auth(&self.token).json(&body).send().await.expect("the server answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.expect("the answer is JSON")
    }

    async fn listen(&self) {
        let url = format!("{}/api/v1/events?kinds=run.succeeded,run.failed,run.cancelled", self.base);
        let stream = self.http.get(url).bearer_auth(&self.token).send().await.expect("the server answers");
        let waiting = Arc::clone(&self.waiting);
        tokio::spawn(read(stream, waiting));
    }
}

async fn read(mut stream: Response, waiting: Arc<Mutex<Waiting>>) {
    let mut text = String::new();
    while let Ok(Some(chunk)) = stream.chunk().await {
        text += &String::from_utf8_lossy(&chunk);
        while let Some(end) = text.find("\n\n") {
            let block: String = text.drain(..end + 2).collect();
            let Some(data) = block.lines().find_map(|line| line.strip_prefix("data: ")) else { continue };
            let data: Json = serde_json::from_str(data).expect("data is JSON");
            let (Some(run), Some(kind)) = (data["run"].as_str(), data["kind"].as_str()) else { continue };
            let mut waiting = waiting.lock().expect("nobody panicked");
            match waiting.wanted.remove(run) {
                Some(sender) => drop(sender.send(kind.to_owned())),
                None => drop(waiting.ended.insert(run.to_owned(), kind.to_owned())),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
