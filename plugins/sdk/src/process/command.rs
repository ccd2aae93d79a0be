//! What to run, built step by step.

use std::time::Duration;

use super::{Error, Finished};
use crate::host::process as host;

/// A program that has not been run yet.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run"]
pub struct Command {
    inner: host::Command,
}

impl Command {
    /// A program without arguments in the workspace's root: its name, looked up in the system's folders, or its
    /// absolute path, as the grant names it.
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            inner: host::Command {
                program: program.into(),
                arguments: Vec::new(),
                folder: String::new(),
                env: Vec::new(),
                stdin: Vec::new(),
                timeout_ms: None,
                capture: 0,
            },
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.inner.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.inner.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets the folder of the workspace it runs in.
    pub fn folder(mut self, folder: impl Into<String>) -> Self {
        self.inner.folder = folder.into();
        self
    }

    /// Adds a variable to its environment; `PATH`, `HOME` and `TMPDIR` are the host's.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.inner.env.push((name.into(), value.into()));
        self
    }

    /// Sets what it reads from its standard input.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.inner.stdin = input.into();
        self
    }

    /// Sets how long it may run; the grant's limit where nothing is set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.inner.timeout_ms = Some(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Sets how many bytes of the end of its standard output to return, at most 1 MiB; of all it wrote where it does not
    /// end with code 0. They become log lines all the same.
    pub fn capture(mut self, bytes: u32) -> Self {
        self.inner.capture = bytes;
        self
    }

    /// Runs it to its end. A code other than 0 is an ordinary answer: [`Finished::success`] makes a failure of it.
    pub fn run(self) -> Result<Finished, Error> {
        let finished = host::run(&self.inner)?;
        Ok(Finished::new(self.inner.program, finished))
    }
}
