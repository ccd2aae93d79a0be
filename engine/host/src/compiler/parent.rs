//! The host's side of a compilation: starts the child, hands it the order, waits for it no longer than it may take.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::thread::available_parallelism;

use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, Command};
use tokio::time::timeout;

use super::{Answer, CompileLimits, Compiler, Done, Order, Place, Work};
use crate::digest::Digest;
use crate::error::LoadError;
use crate::source::Source;

/// Most bytes of an answer: it names imports, of which there may be many.
const ANSWER: u64 = 4 * 1024 * 1024;

/// Most bytes that are kept of what a child says when it ends badly.
const LAST_WORDS: u64 = 2 * 1024;

/// How many characters of that are shown.
const WORDS: usize = 200;

/// Most threads of a child: each of them takes address space.
const THREADS: usize = 4;

/// How much address space mimalloc reserves at once, in KiB, where it is the child's allocator: left to itself it takes a
/// GiB before it is asked for anything, and that counts against the limit.
const ARENA: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "32768");

impl Compiler {
    /// Has a child look at a component. Dropping the future ends the child.
    pub(crate) async fn check(&self, component: &[u8]) -> Result<Done, LoadError> {
        let place = Place::Stdin(component.len());
        self.order(Order { work: Work::Check, component: place, limits: self.limits.checking() }, component).await
    }

    /// Has a child compile a component. Dropping the future ends the child.
    pub(crate) async fn compile(
        &self,
        work: Work,
        digest: Digest,
        source: &Source,
        allowed: usize,
    ) -> Result<Done, LoadError> {
        let (component, bytes): (_, &[u8]) = match source {
            Source::Bytes(bytes) => (Place::Stdin(bytes.len()), bytes),
            Source::File(path) => (Place::File { path: path.to_path_buf(), digest, allowed }, &[]),
        };
        self.order(Order { work, component, limits: self.limits }, bytes).await
    }

    async fn order(&self, order: Order, component: &[u8]) -> Result<Done, LoadError> {
        let limits = order.limits;
        let order = serde_json::to_string(&order).map_err(|error| LoadError::Compiler(error.to_string()))? + "\n";
        let threads = available_parallelism().map_or(1, usize::from).min(THREADS);
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .env("RAYON_NUM_THREADS", threads.to_string())
            .env(ARENA.0, ARENA.1)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| LoadError::Compiler(format!("{}: {error}", self.program.display())))?;
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let talk = async {
            let (_, answer, words) =
                tokio::join!(hand_over(&mut stdin, &order, component), read(stdout, ANSWER), read(stderr, LAST_WORDS));
            let status = child.wait().await;
            drop(stdin);
            (status, answer, words)
        };
        let Ok((status, answer, words)) = timeout(limits.wall, talk).await else {
            return Err(LoadError::CompileLimit(format!("it was not done after {:?}", limits.wall)));
        };
        let status = status.map_err(|error| LoadError::Compiler(error.to_string()))?;
        match serde_json::from_slice::<Answer>(&answer) {
            Ok(answer) if status.success() => answer,
            _ => Err(explain(status, &String::from_utf8_lossy(&words), limits)),
        }
    }
}

/// A child that ends before it has read everything says why by other means.
async fn hand_over(stdin: &mut ChildStdin, order: &str, component: &[u8]) {
    if stdin.write_all(order.as_bytes()).await.is_ok() && stdin.write_all(component).await.is_ok() {
        let _ = stdin.flush().await;
    }
}

async fn read(stream: Option<impl AsyncRead + Unpin>, limit: u64) -> Vec<u8> {
    let mut text = Vec::new();
    if let Some(stream) = stream {
        let _ = stream.take(limit).read_to_end(&mut text).await;
    }
    text
}

/// Why a child ended without an answer.
fn explain(status: ExitStatus, words: &str, limits: CompileLimits) -> LoadError {
    let words: String = words.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(WORDS).collect();
    let words = if words.is_empty() { "it says nothing" } else { &words };
    match status.signal().and_then(Signal::from_named_raw) {
        Some(Signal::XCPU) => LoadError::CompileLimit(format!("more than {:?} of cpu time", limits.cpu)),
        Some(Signal::ABORT | Signal::SEGV | Signal::BUS) => {
            LoadError::CompileLimit(format!("more than {} bytes of memory, or its stack: {words}", limits.memory))
        }
        Some(Signal::KILL) => LoadError::CompileLimit("the system ended the compiler".to_owned()),
        _ => LoadError::Compiler(format!("the compiler ended with {status}: {words}")),
    }
}
