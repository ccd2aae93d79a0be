//! A server of the demo's own, from its first line to its end.
//!
//! It never outlives this program: a watchdog ends it when this program's end of a pipe closes, however that happens.
//! Its log file is locked while it runs, so two demos of one clone never share a folder.

use std::fs::{self, File, TryLockError};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::greeting::Greeting;
use crate::command::program;
use crate::failure::{Failure, Outcome};

/// How many lines of the log a failure shows.
const LOG_LINES: usize = 6;

/// The log of a server, locked for as long as somebody writes to it.
pub(super) struct Log {
    path: PathBuf,
    file: File,
}

/// A server that runs.
pub(super) struct Server {
    child: Child,
    watchdog: Child,
    signs: Receiver<Sign>,
    sender: Sender<Sign>,
    log: Log,
    greeting: Greeting,
}

/// What is waited for.
enum Sign {
    /// The server wrote a line.
    Line(String),
    /// The server is gone.
    Ended,
    /// The program beside it ended: whether it succeeded.
    Done(bool),
}

impl Log {
    /// Opens the log empty, unless another demo writes to it.
    pub(super) fn open(path: PathBuf) -> Outcome<Self> {
        let mut options = File::options();
        let file = options.create(true).truncate(false).write(true).open(&path).map_err(Failure::at(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new("another demo of this clone is running: end it first, with Ctrl-C"));
            }
            Err(TryLockError::Error(error)) => return Err(Failure::at(&path)(error)),
        }
        file.set_len(0).map_err(Failure::at(&path))?;
        Ok(Self { path, file })
    }

    /// A failure with the end of the log, which has the reason.
    fn failure(&self, what: impl std::fmt::Display) -> Failure {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let path = self.path.display();
        if lines.is_empty() {
            return Failure::new(format!("{what} (its log {path} is empty)"));
        }
        let end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n    ");
        Failure::new(format!("{what}; see its log {path}, which ends with\n    {end}"))
    }
}

impl Server {
    /// Starts `command` and waits until it says where it listens.
    pub(super) fn start(command: &mut Command, log: Log) -> Outcome<Self> {
        let errors = log.file.try_clone().map_err(Failure::at(&log.path))?;
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn();
        let mut child = spawned.map_err(|error| Failure::new(format!("the server cannot be started: {error}")))?;
        let stdout = child.stdout.take();
        let watchdog = match watch_over(child.id()) {
            Ok(watchdog) => watchdog,
            Err(failure) => {
                // It may have ended by itself; either way it is gone after this.
                let _ = child.kill();
                let _ = child.wait();
                return Err(failure);
            }
        };
        let (sender, signs) = channel();
        if let Some(stdout) = stdout {
            let sender = sender.clone();
            thread::spawn(move || listen(stdout, &sender));
        }
        let mut server = Self { child, watchdog, signs, sender, log, greeting: Greeting::default() };
        while !server.greeting.is_complete() {
            match server.signs.recv() {
                Ok(Sign::Line(line)) => server.greeting.hear(&line),
                _ => return Err(server.failure("the server ended before it listened")),
            }
        }
        Ok(server)
    }

    /// Where it listens: `http://` and an address.
    pub(super) fn url(&self) -> &str {
        &self.greeting.url
    }

    /// The admin token.
    pub(super) fn token(&self) -> &str {
        &self.greeting.token
    }

    /// The log file.
    pub(super) fn log(&self) -> &Path {
        &self.log.path
    }

    /// A failure with the end of the server's log.
    pub(super) fn failure(&self, what: impl std::fmt::Display) -> Failure {
        self.log.failure(what)
    }

    /// Runs a program that talks to the server, with its output on the terminal, and says whether it succeeded. It is
    /// ended if the server ends before it.
    pub(super) fn run_beside(&self, command: &mut Command) -> Outcome<bool> {
        let spawned = command.stdin(Stdio::null()).spawn();
        let mut child = spawned.map_err(|error| Failure::new(format!("kiket cannot be started: {error}")))?;
        let (pid, done) = (child.id(), self.sender.clone());
        thread::spawn(move || done.send(Sign::Done(child.wait().is_ok_and(|status| status.success()))));
        loop {
            match self.signs.recv() {
                Ok(Sign::Done(succeeded)) => return Ok(succeeded),
                Ok(Sign::Line(_)) => {}
                Ok(Sign::Ended) | Err(_) => {
                    // It may have ended just now, too.
                    let _ =
                        program("sh").args(["-c", "kill -TERM \"$1\" 2>/dev/null", "sh", &pid.to_string()]).status();
                    return Err(self.failure("the server ended early"));
                }
            }
        }
    }

    /// Waits for the server's end, which is for somebody else to bring about.
    pub(super) fn wait(mut self) -> Outcome<()> {
        while let Ok(sign) = self.signs.recv() {
            if matches!(sign, Sign::Ended) {
                break;
            }
        }
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            _ => Err(self.failure("the server ended by itself")),
        }
    }

    /// Asks the server to stop and waits until it has.
    pub(super) fn stop(mut self) -> Outcome<()> {
        if self.end() { Ok(()) } else { Err(self.failure("the server did not stop as it should")) }
    }

    /// Has the watchdog end the server, which is not reaped before: its process id is still its own.
    fn end(&mut self) -> bool {
        drop(self.watchdog.stdin.take());
        let asked = self.watchdog.wait();
        let status = self.child.wait();
        asked.is_ok() && status.is_ok_and(|status| status.success())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Starts a program that sends a process the signal to stop once its own standard input ends.
fn watch_over(pid: u32) -> Outcome<Child> {
    let mut watchdog = program("sh");
    watchdog.args(["-c", "read -r _; kill -TERM \"$1\" 2>/dev/null", "sh", &pid.to_string()]);
    let spawned = watchdog.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    spawned.map_err(|error| Failure::new(format!("sh cannot be started: {error}")))
}

/// Passes on what the server writes, and then that it is gone.
fn listen(stdout: ChildStdout, sender: &Sender<Sign>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let _ = sender.send(Sign::Line(line));
    }
    let _ = sender.send(Sign::Ended);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str) -> Outcome<Server> {
        let name = format!("kiket-xtask-{}-{:?}.log", std::process::id(), thread::current().id());
        let path = std::env::temp_dir().join(name);
        let server = Server::start(Command::new("sh").args(["-c", script]), Log::open(path.clone())?);
        fs::remove_file(&path).map_err(Failure::at(&path))?;
        server
    }

    const GREETING: &str = "echo listening on http://127.0.0.1:1; echo admin token: kkt_x;";

    #[test]
    fn a_server_that_dies_at_once_is_told_with_the_end_of_its_log() {
        let failure = start("echo first >&2; echo reason >&2; exit 3").err().expect("it ended").to_string();
        assert!(failure.starts_with("the server ended before it listened; see its log "), "{failure}");
        assert!(failure.ends_with("\n    first\n    reason"), "{failure}");
    }

    #[test]
    fn a_program_does_not_outlast_the_server_it_talks_to() {
        let server = start(GREETING).expect("it greets");
        let failure = server.run_beside(Command::new("sleep").arg("600")).expect_err("the server ended");
        assert!(failure.to_string().starts_with("the server ended early"), "{failure}");
    }

    #[test]
    fn a_server_is_asked_to_stop_and_may_do_so_properly() {
        let script = format!("trap 'kill $!; exit 0' TERM; sleep 600 & {GREETING} wait");
        let server = start(&script).expect("it greets");
        assert_eq!((server.url(), server.token()), ("http://127.0.0.1:1", "kkt_x"));
        assert!(server.run_beside(&mut Command::new("true")).expect("it runs"));
        assert!(!server.run_beside(&mut Command::new("false")).expect("it runs"));
        server.stop().expect("it stops");
    }

    #[test]
    fn a_log_in_use_is_not_taken_over() {
        let path = std::env::temp_dir().join(format!("kiket-xtask-{}-locked.log", std::process::id()));
        let held = Log::open(path.clone()).expect("it is free");
        assert!(Log::open(path.clone()).is_err());
        drop(held);
        assert!(Log::open(path.clone()).is_ok());
        fs::remove_file(path).expect("it is there");
    }
}
