//! strace: it counts system calls, and kills or fails the K-th one of a thread.
//!
//! It counts for each thread by itself. The database has one thread that writes, so there a number is a place in the
//! history of writes; the threads of the network share theirs as they like, and a number is a random moment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::place::wrap;

/// How a server is traced.
pub(super) struct Tracer {
    arguments: Vec<String>,
}

/// What happens at a system call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Injection {
    pub(super) call: &'static str,
    /// What strace is told to do, such as `signal=SIGKILL`.
    pub(super) what: &'static str,
    /// Which calls of a thread, as strace has it: `7`, `7+` or `7..9`.
    pub(super) when: String,
}

impl Tracer {
    /// One that only counts; what it saw is written to the file.
    pub(super) fn counting(calls: &[&str], file: &Path) -> Self {
        Self { arguments: base(&file.display().to_string(), &calls.join(",")) }
    }

    /// One that does something.
    pub(super) fn injecting(injection: &Injection) -> Self {
        let Injection { call, what, when } = injection;
        let mut arguments = base("/dev/null", call);
        arguments.extend(["-e".to_owned(), format!("inject={call}:{what}:when={when}")]);
        Self { arguments }
    }

    /// One that writes down calls with everything that was in them.
    pub(super) fn recording(calls: &[&str], file: &Path, injection: Option<&Injection>) -> Self {
        let mut arguments = base(&file.display().to_string(), &calls.join(","));
        let whole = ["-y", "-xx", "-ttt", "-s", "16777216"].map(str::to_owned);
        arguments.splice(0..0, whole);
        if let Some(Injection { call, what, when }) = injection {
            arguments.extend(["-e".to_owned(), format!("inject={call}:{what}:when={when}")]);
        }
        Self { arguments }
    }

    /// The command that runs another one under the tracer.
    pub(super) fn around(&self, command: &Command) -> Command {
        wrap(strace(), &self.arguments, command)
    }
}

fn base(output: &str, calls: &str) -> Vec<String> {
    // The filter in the kernel lets all other calls pass without stopping.
    ["-f", "-qq", "--seccomp-bpf", "-o", output, "-e", &format!("trace={calls}")].map(str::to_owned).to_vec()
}

fn strace() -> PathBuf {
    PathBuf::from("strace")
}

/// The largest number of calls of each kind that one thread has made.
pub(super) fn count(file: &Path) -> BTreeMap<String, u32> {
    let text = std::fs::read_to_string(file).expect("strace has written (`cargo xtask setup` installs it)");
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        if let Some((call, _)) = rest.trim_start().split_once('(') {
            *counts.entry((call, thread)).or_default() += 1;
        }
    }
    let mut most: BTreeMap<String, u32> = BTreeMap::new();
    for ((call, _), count) in counts {
        let entry = most.entry(call.to_owned()).or_default();
        *entry = count.max(*entry);
    }
    most.retain(|call, _| call.chars().all(|char| char.is_ascii_alphanumeric() || char == '_'));
    most
}
