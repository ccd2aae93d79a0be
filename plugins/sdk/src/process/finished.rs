//! How a program ended, and what that means for the action that ran it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::Failure;
use crate::host::process as host;

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal of this number.
    Killed(i32),
    /// Its time was over.
    TimedOut,
    /// Its CPU time was used up.
    OutOfCpu,
}

/// What came of a program.
#[derive(Debug, Clone)]
pub struct Finished {
    program: String,
    inner: host::Finished,
}

impl Finished {
    pub(super) fn new(program: String, inner: host::Finished) -> Self {
        Self { program, inner }
    }

    /// How it ended.
    pub fn status(&self) -> Status {
        match self.inner.status {
            host::Status::Exited(code) => Status::Exited(code),
            host::Status::Killed(signal) => Status::Killed(signal),
            host::Status::TimedOut => Status::TimedOut,
            host::Status::OutOfCpu => Status::OutOfCpu,
        }
    }

    /// The end of its standard output, or of all it wrote where it did not end with code 0, as far as it was captured.
    pub fn output(&self) -> &[u8] {
        &self.inner.output
    }

    /// The same as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.inner.output)
    }

    /// CPU time of everything it started, to the millisecond.
    pub fn cpu(&self) -> Duration {
        Duration::from_millis(self.inner.cpu_ms)
    }

    /// Time from start to end, to the millisecond.
    pub fn wall(&self) -> Duration {
        Duration::from_millis(self.inner.wall_ms)
    }

    /// Most memory of one process, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.inner.peak_memory
    }

    /// The same where it ended with code 0; the rest is a permanent failure that says how it ended.
    pub fn success(self) -> Result<Self, Failure> {
        match self.status() {
            Status::Exited(0) => Ok(self),
            status => Err(Failure::Permanent(format!("`{}` {status}", self.program))),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "ended with code {code}"),
            Self::Killed(signal) => write!(f, "was ended by signal {signal}"),
            Self::TimedOut => f.write_str("ran out of time"),
            Self::OutOfCpu => f.write_str("used up its CPU time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(status: host::Status) -> Finished {
        let inner = host::Finished { status, output: b"v1\n".to_vec(), cpu_ms: 1, wall_ms: 2, peak_memory: 3 };
        Finished::new("make".into(), inner)
    }

    #[test]
    fn code_0_is_a_success() {
        assert_eq!(finished(host::Status::Exited(0)).success().expect("a success").text(), "v1\n");
    }

    #[test]
    fn any_other_end_is_a_permanent_failure_that_says_how() {
        for (status, told) in [
            (host::Status::Exited(2), "`make` ended with code 2"),
            (host::Status::Killed(9), "`make` was ended by signal 9"),
            (host::Status::TimedOut, "`make` ran out of time"),
            (host::Status::OutOfCpu, "`make` used up its CPU time"),
        ] {
            assert_eq!(finished(status).success().expect_err("a failure"), Failure::permanent(told));
        }
    }
}
