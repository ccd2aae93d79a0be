//! Why a command stopped: one line for people and an exit status.

use std::fmt;
use std::path::Path;

/// The result of every step.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// A failure of this program's own.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// A failure with the exit status of the tool that failed.
    pub(crate) fn of_tool(message: impl Into<String>, code: Option<i32>) -> Self {
        let code = code.and_then(|code| u8::try_from(code).ok()).filter(|&code| code != 0).unwrap_or(1);
        Self { message: message.into(), code }
    }

    /// The command line was not understood.
    pub(crate) fn usage(usage: &str) -> Self {
        Self { message: format!("no such command\n\n{usage}"), code: 2 }
    }

    /// Turns an I/O error into a failure that names the path.
    pub(crate) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::new(format!("{}: {error}", path.display()))
    }

    /// The exit status, never 0.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
