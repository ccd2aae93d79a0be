//! A server process over a copy of the data folder, under a tracer or by itself, and its client.
//!
//! A tracer that is killed lets go of the server: so it is always the server that is killed, and the tracer ends
//! with it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use kiket_core::planted::Bug;
use reqwest::{Client, RequestBuilder};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;

use super::seed::Folder;
use super::tracer::Tracer;
use crate::world;

/// A data folder, and the server that has it.
pub(super) struct Place {
    folder: Folder,
    token: String,
    base: String,
    http: Client,
    server: Option<Server>,
    planted: Option<Bug>,
}

/// A server process, or the tracer that has one.
struct Server {
    child: Child,
    traced: bool,
}

impl Place {
    /// A place that nobody serves yet.
    pub(super) fn at(folder: Folder, token: &str) -> Self {
        let base = String::new();
        Self { folder, token: token.to_owned(), base, http: world::client(), server: None, planted: None }
    }

    /// Plants a bug in the servers that are started from now on.
    pub(super) fn plant(&mut self, bug: Option<Bug>) {
        self.planted = bug;
    }

    /// The folder that everything is below.
    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(super) fn database(&self) -> PathBuf {
        self.data().join("kiket.db")
    }

    /// Starts a server; returns how long it took until it said where it listens, or `None` where it ended before.
    pub(super) fn boot(&mut self, tracer: Option<&Tracer>) -> Option<Duration> {
        let mut serve = world::serve(&self.data());
        serve.env("KIKET_SLOTS", "16").env("KIKET_LOG", "warn").env("RUST_BACKTRACE", "0");
        if let Some(bug) = self.planted {
            serve.env("KIKET_PLANTED", bug.name());
        }
        let mut command = match tracer {
            Some(tracer) => tracer.around(&serve),
            None => serve,
        };
        let said = fs::OpenOptions::new().create(true).append(true).open(self.said()).expect("a file");
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(said).spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        self.server = Some(Server { child, traced: tracer.is_some() });
        let first = lines.next()?.ok()?;
        self.base = first.strip_prefix("listening on ")?.to_owned();
        if self.token.is_empty() {
            let second = lines.next()?.ok()?;
            self.token = second.strip_prefix("admin token: ").expect("a new server shows its token").to_owned();
        }
        Some(begun.elapsed())
    }

    /// Ends the server as a power cut would, if it has not ended already.
    pub(super) fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill();
        }
    }

    /// Waits until the server has ended by itself. Returns `None`, and kills it, where it takes longer than `limit`.
    pub(super) async fn ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        let mut server = self.server.take()?;
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if let Some(status) = server.child.try_wait().expect("it is ours") {
                return Some(status);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.kill();
        None
    }

    /// What all servers here have said on stderr.
    pub(super) fn words(&self) -> String {
        fs::read_to_string(self.said()).unwrap_or_default()
    }

    fn said(&self) -> PathBuf {
        self.folder.path().join("stderr")
    }

    /// Waits until there is no work that could be done and that nobody does.
    pub(super) async fn all_claimed(&self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            let Ok(answer) = self.http.get(format!("{}/up", self.base)).send().await else { return false };
            let health: Json = answer.json().await.unwrap_or_default();
            let idle = health["work"].as_object().is_some_and(|kinds| kinds.values().all(|kind| kind["waiting"] == 0));
            if idle {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        false
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    /// A signed delivery.
    pub(super) fn delivery(&self, id: &str, body: Vec<u8>) -> RequestBuilder {
        let signature = world::sign(world::SECRET, &body);
        let hook = self.http.post(format!("{}/api/v1/hooks/shop", self.base));
        let hook = hook.header("X-GitHub-Event", "push").header("X-GitHub-Delivery", id);
        hook.header("X-Hub-Signature-256", signature).body(body)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    fn kill(mut self) {
        if self.traced {
            // The tracer's one child; where it is gone, the tracer is about to be.
            for pid in children(self.child.id()) {
                let _ = kill_process(pid, Signal::KILL);
            }
        } else {
            let _ = self.child.kill();
        }
        self.child.wait().expect("it is ours");
    }
}

/// The processes that a process has started and that are still there.
fn children(process: u32) -> Vec<Pid> {
    let file = PathBuf::from(format!("/proc/{process}/task/{process}/children"));
    let list = fs::read_to_string(file).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// The same command under another program, which gets these arguments first.
pub(super) fn wrap(program: impl AsRef<Path>, arguments: &[String], inner: &Command) -> Command {
    let mut command = Command::new(program.as_ref());
    command.args(arguments).arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}
