//! A workspace, a jail and a way to see from outside who is alive.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kiket_jail::{Chunk, End, Finished, Jail, JailError, Program, Rules, Stream, system_paths};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;
use tokio::sync::mpsc;

pub(crate) const LAUNCHER: &str = env!("CARGO_BIN_EXE_jail-launcher");

pub(crate) struct World {
    pub(crate) jail: Jail,
    folder: TempDir,
}

/// What came of a program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) finished: Finished,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn end(&self) -> End {
        self.finished.end
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.end() == End::Exited(0)
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(Jail::new(LAUNCHER.into()))
    }

    pub(crate) fn unjailed() -> Self {
        Self::of(Jail::unjailed(LAUNCHER.into()))
    }

    fn of(jail: Jail) -> Self {
        Self { jail, folder: tempfile::tempdir().expect("it goes well") }
    }

    /// The workspace, without a link in its path.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("it goes well")
    }

    pub(crate) fn sh(&self, script: &str) -> Program {
        self.program("/bin/sh", &["-c", script])
    }

    pub(crate) fn program(&self, path: impl AsRef<Path>, args: &[&str]) -> Program {
        Program {
            path: path.as_ref().into(),
            args: args.iter().map(Into::into).collect(),
            dir: self.folder(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            stdin: vec![],
        }
    }

    pub(crate) fn rules(&self) -> Rules {
        let mut readable = system_paths();
        readable.push(LAUNCHER.into());
        Rules {
            writable: vec![self.folder()],
            readable,
            network: false,
            cpu: Duration::from_secs(30),
            wall: Duration::from_secs(60),
            memory: 1 << 30,
            processes: 64,
            file_bytes: 64 << 20,
            open_files: 256,
        }
    }

    pub(crate) async fn run(&self, program: Program) -> Ran {
        self.run_by(program, self.rules()).await.expect("it goes well")
    }

    pub(crate) async fn run_by(&self, program: Program, rules: Rules) -> Result<Ran, JailError> {
        let (sender, mut chunks) = mpsc::channel::<Chunk>(8);
        let collect = async {
            let (mut out, mut err) = (vec![], vec![]);
            while let Some(chunk) = chunks.recv().await {
                if chunk.stream == Stream::Out { &mut out } else { &mut err }.extend(chunk.bytes);
            }
            (String::from_utf8(out).expect("it goes well"), String::from_utf8(err).expect("it goes well"))
        };
        let (finished, (out, err)) = tokio::join!(self.jail.run(program, rules, sender), collect);
        Ok(Ran { finished: finished?, out, err })
    }

    /// Runs a program until it has written what is waited for, then gives it up by dropping the future.
    pub(crate) async fn give_up_after(&self, program: Program, written: &str) {
        let (sender, mut chunks) = mpsc::channel::<Chunk>(8);
        let seen = async {
            let mut text = String::new();
            while !text.contains(written) {
                text +=
                    &String::from_utf8(chunks.recv().await.expect("it is still running").bytes).expect("it goes well");
            }
        };
        tokio::select! {
            ended = self.jail.run(program, self.rules(), sender) => panic!("it ended: {ended:?}"),
            () = seen => {}
        }
    }
}

pub(crate) fn root() -> bool {
    geteuid().is_root()
}

/// Seconds that nobody else sleeps: a sleeper with it is found from outside.
pub(crate) fn mark() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("9{}.{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed) + 1)
}

/// A script that leaves five sleepers behind in every way that gets out of sight: in the background, in a session of
/// their own, forked twice. It says so when all of them are there.
pub(crate) fn daemons(mark: &str) -> String {
    format!(
        "sleep {mark} & setsid sleep {mark} & (setsid sh -c 'trap \"\" HUP TERM; sleep {mark} & sleep {mark}' &)
         (setsid setsid sleep {mark} &)
         until [ $(grep -lzx {mark} /proc/[0-9]*/cmdline 2>/dev/null | wc -l) -ge 5 ]; do :; done; echo ready"
    )
}

/// Ids, as seen from outside, of everyone with this argument.
pub(crate) fn alive(mark: &str) -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("it goes well").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let line = |pid| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    pids.filter(|pid: &i32| line(*pid).split(|byte| *byte == 0).any(|word| word == mark.as_bytes())).collect()
}

/// Waits until none of these sleepers is alive.
pub(crate) async fn nobody_is_left(mark: &str) {
    let gone = async {
        while !alive(mark).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap_or_else(|_| panic!("{:?} live", alive(mark)));
}

/// Kills the launcher above one of these sleepers.
pub(crate) fn kill_launcher_of(mark: &str) {
    let mut pid = alive(mark)[0];
    let mut above = Vec::new();
    while pid > 1 && pid.unsigned_abs() != std::process::id() {
        above.push(pid);
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it goes well");
        pid = stat
            .rsplit_once(')')
            .expect("it goes well")
            .1
            .split_whitespace()
            .nth(1)
            .expect("it goes well")
            .parse()
            .expect("it goes well");
    }
    let launcher = above.pop().expect("a launcher is above it");
    kill_process(Pid::from_raw(launcher).expect("it goes well"), Signal::KILL).expect("it goes well");
}
