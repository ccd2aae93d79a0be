//! A server process with one project, `shop`, whose pipelines use the probe plugin.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// What webhooks of the project are signed with.
pub(crate) const SECRET: &str = "a secret for webhooks";
/// How long a server does nothing before it counts as settled.
const CALM: Duration = Duration::from_millis(500);

/// A server under load; it ends with this value.
pub(crate) struct Server {
    process: Child,
    _stdout: Lines<BufReader<ChildStdout>>,
    folder: TempDir,
    pub(crate) base: String,
    pub(crate) token: String,
    http: Client,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    ended: HashMap<String, String>,
    wanted: HashMap<String, oneshot::Sender<String>>,
}

impl Server {
    /// Starts a server whose project has these pipelines (id and stages), follows the ends of its runs, and waits until
    /// everything it has to compile is compiled.
    pub(crate) async fn start(pipelines: &[(&str, &str)]) -> Self {
        let files = pipelines.iter().map(|(id, stages)| {
            let text = format!("model_version: \"1.0\"\npipeline: {{ id: {id} }}\n{stages}");
            (format!("pipelines/{id}.yaml"), text)
        });
        Self::start_with(&files.collect::<Vec<_>>()).await
    }

    /// The same with files below `.kiket`.
    pub(crate) async fn start_with(files: &[(String, String)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repository = folder.path().join("shop");
        std::fs::create_dir(&repository).expect("a folder");
        let probe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/dist/test/probe.wasm");
        std::fs::create_dir(repository.join("tools")).expect("a folder");
        std::fs::copy(probe, repository.join("tools/probe.wasm")).expect("`cargo xtask setup` has built the probe");
        git(&repository, &["init", "--quiet", "--initial-branch=main"]);
        commit(&repository, files);

        let (process, stdout, base, token) = spawn(&folder.path().join("data"));
        let token = token.expect("a new server shows its token");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().no_proxy().build().expect("a client");
        let server = Self { process, _stdout: stdout, folder, base, token, http, waiting: Arc::default() };
        let url = format!("file://{}", repository.display());
        let project = json!({"name": "shop", "url": url, "hook_secret": SECRET});
        let project = server.post("/projects", project).await;
        assert_eq!(project["active_revision"]["status"], "active", "{project:#}");
        server.listen().await;
        server.settle().await;
        server
    }

    /// Ends the server in order and starts it again on the same data; tells how long it took until `/up` said so.
    pub(crate) async fn restart(&mut self) -> Duration {
        self.stop();
        let start = Instant::now();
        let (process, stdout, base, _) = spawn(&self.data());
        (self.process, self._stdout, self.base) = (process, stdout, base);
        let up = self.http.get(format!("{}/up", self.base)).send().await.expect("the server answers");
        assert!(up.status().is_success(), "/up: {}", up.status());
        let took = start.elapsed();
        self.listen().await;
        took
    }

    /// Ends the server in order: what is in its log of changes goes into the database.
    pub(crate) fn stop(&mut self) {
        if self.process.try_wait().is_ok_and(|status| status.is_some()) {
            return;
        }
        let pid = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("a signal can be sent");
        self.process.wait().expect("it ends");
    }

    /// Waits until neither the server nor a compiler that it has started uses the processor.
    pub(crate) async fn settle(&self) {
        let mut calm_since = Instant::now();
        let mut used = self.ticks();
        while calm_since.elapsed() < CALM {
            tokio::time::sleep(CALM / 5).await;
            let now = self.ticks();
            if now != used {
                (used, calm_since) = (now, Instant::now());
            }
        }
    }

    /// Processor time of the server so far, and of compilers that still run; Linux counts it in hundredths of a second.
    pub(crate) fn processor_time(&self) -> Duration {
        Duration::from_millis(self.ticks().iter().sum::<u64>() * 10)
    }

    /// Processor time of the server and of each child of its threads, in ticks of the clock.
    fn ticks(&self) -> Vec<u64> {
        let pid = self.process.id();
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the server runs").flatten();
        let children = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
        let all = format!("{pid} {}", children.collect::<Vec<_>>().join(" "));
        let used = |pid: &str| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            Some(fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?)
        };
        all.split_whitespace().filter_map(used).collect()
    }

    /// A figure of `/proc/…/status`, in KiB: `VmRSS`, `RssAnon`.
    pub(crate) fn memory(&self, figure: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("the server runs");
        let line = status.lines().find_map(|line| line.strip_prefix(figure)).expect("Linux tells");
        line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().expect("a number")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Changes files below `.kiket`; returns the commit.
    pub(crate) fn commit(&self, files: &[(String, String)]) -> String {
        commit(&self.folder.path().join("shop"), files)
    }

    /// Starts a run and waits for its end.
    pub(crate) async fn run(&self, pipeline: &str) {
        let started = self.post(&format!("/projects/shop/pipelines/{pipeline}/runs"), json!({})).await;
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

    /// A request with the token.
    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    /// A request without it.
    pub(crate) fn bare(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.base))
    }

    pub(crate) async fn post(&self, path: &str, body: Json) -> Json {
        let answer = self.request(reqwest::Method::POST, path).json(&body).send().await.expect("the server answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.expect("the answer is JSON")
    }

    async fn listen(&self) {
        let path = "/events?kinds=run.succeeded,run.failed,run.cancelled";
        let stream = self.request(reqwest::Method::GET, path).send().await.expect("the server answers");
        let waiting = Arc::clone(&self.waiting);
        tokio::spawn(read(stream, waiting));
    }
}

fn spawn(data: &Path) -> (Child, Lines<BufReader<ChildStdout>>, String, Option<String>) {
    let is_new = !data.exists();
    let mut process = Command::new(env!("CARGO_BIN_EXE_kiket"))
        .args(["serve", "--listen", "127.0.0.1:0", "--sites-listen", "off", "--data"])
        .arg(data)
        .env("KIKET_LOG", "error")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
    let mut next = || lines.next().expect("the server says where it listens").expect("it writes text");
    let base = next().strip_prefix("listening on ").expect("the address comes first").to_owned();
    let token = is_new.then(|| next().strip_prefix("admin token: ").expect("a new server shows its token").to_owned());
    (process, lines, base, token)
}

/// Writes files below `.kiket` and commits them.
fn commit(repository: &Path, files: &[(String, String)]) -> String {
    for (path, text) in files {
        let path = repository.join(".kiket").join(path);
        std::fs::create_dir_all(path.parent().expect("files have folders")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    git(repository, &["add", "--all"]);
    git(repository, &["commit", "--quiet", "-m", "bench"]);
    git(repository, &["rev-parse", "HEAD"])
}

fn git(repository: &Path, arguments: &[&str]) -> String {
    let who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
    let output = Command::new("git").current_dir(repository).args(who).args(arguments).output();
    let output = output.expect("git is installed");
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
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
