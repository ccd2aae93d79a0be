//! What is left of the time and the bytes that one call may spend on a remote
//! repository, and why it was stopped when it was.
//!
//! Shared by the gate's threads and the Git library's callbacks. The first reason
//! to stop is kept: what the library then reports is only its echo.

use std::borrow::Borrow;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::{Limits, RemoteUrl, SyncError};

/// Why a transfer was stopped from our side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Halt {
    OutOfTime,
    TooManyBytes,
    Redirected(String),
    Unauthenticated,
    Unreachable(String),
}

pub(crate) struct Budget {
    limits: Limits,
    deadline: Instant,
    received: AtomicU64,
    halt: OnceLock<Halt>,
}

impl Budget {
    /// Starts the clock.
    pub(crate) fn start(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            deadline: Instant::now() + limits.wall_time,
            limits: limits.clone(),
            received: AtomicU64::new(0),
            halt: OnceLock::new(),
        })
    }

    /// Notes why the transfer has to stop, unless it had to already.
    pub(crate) fn halt(&self, reason: Halt) {
        let _ = self.halt.set(reason);
    }

    /// Returns the time that is left, which is never zero; `TimedOut` when it is over.
    pub(crate) fn time_left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.halt(Halt::OutOfTime);
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(left)
    }

    /// Counts bytes that just came in, and tells whether to go on.
    pub(crate) fn receive(&self, bytes: usize) -> bool {
        let before = self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        self.allows(before.saturating_add(bytes as u64))
    }

    /// Tells whether to go on after `total` received bytes.
    pub(crate) fn allows(&self, total: u64) -> bool {
        if total > self.limits.received_bytes {
            self.halt(Halt::TooManyBytes);
        }
        self.time_left().is_ok() && self.halt.get().is_none()
    }

    /// Returns the error that stopped the transfer, if it was stopped from our side.
    pub(crate) fn breach(&self, url: &RemoteUrl) -> Option<SyncError> {
        let url = url.clone();
        Some(match self.halt.get()? {
            Halt::OutOfTime => SyncError::TimedOut { url, limit: self.limits.wall_time },
            Halt::TooManyBytes => SyncError::TooLarge { what: "received bytes", limit: self.limits.received_bytes },
            Halt::Redirected(to) => SyncError::Redirected { url, to: to.clone() },
            Halt::Unauthenticated => SyncError::AuthenticationRequired { url },
            Halt::Unreachable(detail) => SyncError::Unreachable { url, detail: detail.clone() },
        })
    }
}

/// A connection whose every single read and write ends at the deadline, so that a
/// peer cannot win time by sending a byte now and then.
pub(crate) struct Timed<'a, S> {
    stream: S,
    budget: &'a Budget,
}

impl<'a, S: Borrow<TcpStream>> Timed<'a, S> {
    pub(crate) fn new(stream: S, budget: &'a Budget) -> Self {
        Self { stream, budget }
    }

    /// Repeats a call until it ends otherwise than by an interruption or a pause.
    fn insist<T>(&self, mut call: impl FnMut(&TcpStream, Duration) -> io::Result<T>) -> io::Result<T> {
        loop {
            match call(self.stream.borrow(), self.budget.time_left()?) {
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                outcome => return outcome,
            }
        }
    }
}

impl<S: Borrow<TcpStream>> Read for Timed<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.insist(|mut stream, left| {
            stream.set_read_timeout(Some(left))?;
            stream.read(buffer)
        })
    }
}

impl<S: Borrow<TcpStream>> Write for Timed<'_, S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.insist(|mut stream, left| {
            stream.set_write_timeout(Some(left))?;
            stream.write(buffer)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
