//! A world of its own for each test: a bare repository, a working copy, a server process. It notes what it is answered
//! and what it hears, and ends in the checker over that.

mod evidence;
mod tools;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
pub(crate) use tools::{client, git, guest, parse, probe, serve, sign};

use crate::checker::{self, Journal, Transcript};
use crate::sink::Book;

pub(crate) const SECRET: &str = "a secret for webhooks";
/// Long enough for a first compilation of every plugin on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct World {
    folder: TempDir,
    environment: Vec<(String, String)>,
    server: Option<Child>,
    base: String,
    token: String,
    http: Client,
    /// What was answered with success.
    journal: Journal,
    /// What was heard.
    heard: Mutex<Vec<Transcript>>,
    /// What was seen outside.
    sinks: Vec<Arc<Book>>,
    ended: bool,
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) id: Option<i64>,
    pub(crate) kind: String,
    pub(crate) data: Json,
}

impl World {
    /// A server, an empty bare repository, and a working copy of it that has the probe plugin.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same, with a server that is told more by its environment.
    pub(crate) async fn start_with(environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (base, token) = (String::new(), String::new());
        let mut world = Self {
            folder,
            environment,
            server: None,
            base,
            token,
            http: client(),
            journal: Journal::default(),
            heard: Mutex::default(),
            sinks: Vec::new(),
            ended: false,
        };
        git(world.folder.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "origin.git"]);
        git(world.folder.path(), &["clone", "--quiet", "origin.git", "work"]);
        let tools = world.work().join("tools");
        std::fs::create_dir(&tools).expect("the working copy is new");
        std::fs::copy(probe(), tools.join("probe.wasm")).expect("`cargo xtask setup` has built the probe");
        world.boot();
        world
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// The address of the repository.
    pub(crate) fn origin(&self) -> String {
        format!("file://{}", self.folder.path().join("origin.git").display())
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The command that starts the server process.
    pub(crate) fn serve(&self) -> Command {
        let mut serve = serve(&self.data());
        serve.envs(self.environment.iter().map(|(name, value)| (name, value)));
        serve
    }

    /// Tells servers that are started from now on something more by their environment.
    pub(crate) fn set_environment(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts the server process and waits until it says where it listens.
    pub(crate) fn boot(&mut self) {
        self.start_process(self.serve());
    }

    /// Starts the server process where the last one listened.
    pub(crate) fn boot_in_place(&mut self) {
        let mut serve = self.serve();
        serve.args(["--listen", self.base.trim_start_matches("http://")]);
        self.start_process(serve);
    }

    /// Starts the server process with a data folder and a cache of its own whose names are relative.
    pub(crate) fn boot_relative(&mut self) {
        let mut command = serve(Path::new("data"));
        command.current_dir(self.folder.path()).env("KIKET_CACHE", "cache");
        self.start_process(command);
    }

    /// Starts the server process by this command.
    pub(crate) fn start_process(&mut self, mut serve: Command) {
        let mut server = serve.stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut lines = BufReader::new(server.stdout.take().expect("stdout is piped")).lines();
        let mut next = || lines.next().expect("the server says where it listens").expect("it writes text");
        self.base = next().strip_prefix("listening on ").expect("the address comes first").to_owned();
        if self.token.is_empty() {
            self.token = next().strip_prefix("admin token: ").expect("a new server shows its token").to_owned();
        }
        self.server = Some(server);
    }

    /// Returns the server's process.
    pub(crate) fn process(&self) -> u32 {
        self.server.as_ref().expect("the server runs").id()
    }

    /// Returns the server's address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Returns the admin token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The next server begins anew, and shows its token.
    pub(crate) fn forget_token(&mut self) {
        self.token.clear();
    }

    /// Stops the server as people do.
    pub(crate) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let pid = server.id().to_string();
            Command::new("kill").args(["-TERM", &pid]).status().expect("a signal can be sent");
            let status = server.wait().expect("it ends");
            assert!(status.success(), "the server ended with {status}");
        }
    }

    /// Ends the server as a power cut would.
    pub(crate) fn kill(&mut self) {
        let mut server = self.server.take().expect("the server runs");
        server.kill().expect("it can be killed");
        server.wait().expect("it is gone");
    }

    /// Adds the repository as project `shop`.
    pub(crate) async fn add_project(&self) -> Json {
        self.add_project_with(json!({})).await
    }

    /// The same, with more said about it.
    pub(crate) async fn add_project_with(&self, more: Json) -> Json {
        let mut body = json!({"name": "shop", "url": self.origin(), "hook_secret": SECRET});
        body.as_object_mut().expect("it is an object").extend(more.as_object().cloned().expect("so is this"));
        self.ok(self.post("/projects").json(&body)).await
    }

    /// Commits files and pushes them; returns the commit.
    pub(crate) fn push(&self, files: &[(&str, &str)]) -> String {
        let work = self.work();
        for (path, text) in files {
            let path = work.join(path);
            std::fs::create_dir_all(path.parent().expect("files have folders")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        git(&work, &["add", "--all"]);
        git(
            &work,
            &[
                "-c",
                "user.name=Ada",
                "-c",
                "user.email=ada@example.com",
                "commit",
                "--quiet",
                "--allow-empty",
                "-m",
                "change",
            ],
        );
        git(&work, &["push", "--quiet", "origin", "HEAD"]);
        git(&work, &["rev-parse", "HEAD"])
    }

    /// The payload a forge would send for a push.
    pub(crate) fn payload(&self, commit: &str) -> Vec<u8> {
        let zero = "0".repeat(40);
        json!({"ref": "refs/heads/main", "before": zero, "after": commit, "pusher": {"name": "ada"}})
            .to_string()
            .into_bytes()
    }

    /// Sends a signed delivery.
    pub(crate) async fn deliver(&self, id: &str, body: Vec<u8>) -> Response {
        let signature = sign(SECRET, &body);
        self.hook(id, &signature, body).await
    }

    pub(crate) async fn hook(&self, id: &str, signature: &str, body: Vec<u8>) -> Response {
        let github = [("X-GitHub-Event", "push"), ("X-GitHub-Delivery", id), ("X-Hub-Signature-256", signature)];
        self.hook_with(&github, body).await
    }

    /// Sends a delivery with these headers.
    pub(crate) async fn hook_with(&self, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
        let hook = self.http.post(format!("{}/api/v1/hooks/shop", self.base));
        let hook = headers.iter().fold(hook, |hook, (name, value)| hook.header(*name, *value));
        self.send(hook.body(body)).await
    }

    /// Pushes one pipeline called `p`, delivers the push, and returns its run.
    pub(crate) async fn run_pipeline(&self, stages: &str) -> String {
        let text = format!("model_version: \"1.0\"\npipeline: {{ id: p, on: {{ push: {{}} }} }}\n{stages}");
        let commit = self.push(&[(".kiket/pipelines/p.yaml", &text)]);
        let answer = self.deliver(&commit, self.payload(&commit)).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        self.run_of(&commit).await
    }

    /// Waits for the one run of a commit.
    pub(crate) async fn run_of(&self, commit: &str) -> String {
        self.until(async || {
            let runs = self.ok(self.get("/runs?project=shop&limit=200")).await;
            let of_commit = |run: &&Json| run["commit"] == commit;
            let found: Vec<&Json> = runs["data"].as_array().expect("a list").iter().filter(of_commit).collect();
            assert!(found.len() < 2, "one push started {} runs", found.len());
            found.first().map(|run| run["id"].as_str().expect("a run has an id").to_owned())
        })
        .await
    }

    /// Starts a run of a pipeline by the API.
    pub(crate) async fn trigger(&self, pipeline: &str) -> String {
        let started = self.ok(self.post(&format!("/projects/shop/pipelines/{pipeline}/runs")).json(&json!({}))).await;
        started["id"].as_str().expect("a run has an id").to_owned()
    }

    /// Follows a run to its end, from a position on; the last frame is `end`.
    pub(crate) async fn follow(&self, run: &str, after: Option<i64>) -> Vec<Frame> {
        let path = format!("/runs/{run}/events");
        let mut request = self.get(&path);
        if let Some(after) = after {
            request = request.header("Last-Event-ID", after.to_string());
        }
        let answer = request.send().await.expect("the server answers");
        assert_eq!(answer.status(), StatusCode::OK);
        let text =
            tokio::time::timeout(PATIENCE, answer.text()).await.expect("the run ends").expect("the stream is text");
        let frames = parse(&text);
        self.hear(&path, Some(after.unwrap_or(0)), frames.clone());
        frames
    }

    /// Follows a run to its end and returns it.
    pub(crate) async fn finish(&self, run: &str) -> Json {
        self.follow(run, None).await;
        self.ok(self.get(&format!("/runs/{run}"))).await
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    pub(crate) fn patch(&self, path: &str) -> RequestBuilder {
        self.http.patch(format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    pub(crate) fn put(&self, path: &str) -> RequestBuilder {
        self.http.put(format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    pub(crate) fn delete(&self, path: &str) -> RequestBuilder {
        self.http.delete(format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    /// The command line, told which server to ask.
    pub(crate) fn kiket(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiket"));
        command.args(arguments).env("KIKET_SERVER", &self.base).env("KIKET_TOKEN", &self.token);
        command
    }

    /// A request to an address of the server, without a token.
    pub(crate) fn bare(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Stops the server and checks that everything it kept is as it has to be.
    pub(crate) async fn end(mut self) {
        self.stop();
        self.ended = true;
        let evidence = self.evidence();
        checker::check(&self.data().join("kiket.db"), &evidence).await;
    }
}

impl World {
    /// The same of a server that was to forget some of what it had told: what it still has is whole.
    pub(crate) async fn end_having_forgotten(mut self) {
        self.stop();
        self.ended = true;
        assert_eq!(checker::violations(&self.data().join("kiket.db")).await, []);
    }

    /// Leaves the folder to others, who copy it and check what becomes of the copies.
    pub(crate) fn is_checked_elsewhere(&mut self) {
        self.ended = true;
    }

    /// Ends without the checker: what is left behind is wrong on purpose, and was looked at.
    pub(crate) fn end_badly(mut self) {
        self.ended = true;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
        assert!(self.ended || std::thread::panicking(), "every test ends in the checker: World::end");
    }
}
