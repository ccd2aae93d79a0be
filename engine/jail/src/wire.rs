//! What goes over the launcher's socket: one order with the standard input behind it, then reports, a line each.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{JailError, Missing, Unavailable};
use crate::program::{Finished, Program, Rules};

/// The first argument that makes a binary the launcher.
pub(crate) const ARGUMENT: &str = "__jail";

/// What the launcher is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) program: Program,
    pub(crate) rules: Rules,
    pub(crate) mode: Mode,
    /// Only go as far as the program's first instruction, and end well there.
    pub(crate) probe: bool,
    /// Whether the program becomes [`crate::ids::NOBODY`].
    pub(crate) nobody: bool,
    /// How many bytes of standard input follow.
    pub(crate) stdin: u64,
}

/// With the jail or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mode {
    Jailed,
    Unjailed,
}

/// What the launcher says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// It is in its user namespace and waits for one byte that says that ids are mapped.
    Unshared,
    Finished(Finished),
    Failed(Failure),
}

/// Why the launcher gave up, with nothing left running.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Failure {
    Unavailable(Unavailable),
    Invalid(String),
    /// The number of the error that `exec` ended in.
    NotStarted(i32),
    Broken(String),
}

impl Failure {
    /// Names the part of the jail that an error shows to be missing.
    pub(crate) fn missing<E: ToString>(missing: Missing) -> impl FnOnce(E) -> Self {
        move |error| Self::Unavailable(Unavailable { missing, reason: error.to_string() })
    }

    /// Says at what work the launcher failed.
    pub(crate) fn broken<E: ToString>(work: &str) -> impl FnOnce(E) -> Self {
        move |error| Self::Broken(format!("{work}: {}", error.to_string()))
    }

    pub(crate) fn into_error(self, path: PathBuf) -> JailError {
        match self {
            Self::Unavailable(unavailable) => unavailable.into(),
            Self::Invalid(reason) => JailError::Invalid(reason),
            Self::NotStarted(number) => JailError::NotStarted { path, source: io::Error::from_raw_os_error(number) },
            Self::Broken(reason) => JailError::Lost(reason),
        }
    }
}

/// An order as bytes: its length, its text; the standard input is sent behind.
pub(crate) fn encode(order: &Order) -> serde_json::Result<Vec<u8>> {
    let text = serde_json::to_vec(order)?;
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text);
    Ok(bytes)
}

/// Reads an order; the standard input is the next [`Order::stdin`] bytes.
pub(crate) fn decode(from: &mut impl Read) -> io::Result<Order> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let mut text = Vec::new();
    from.take(u64::from_le_bytes(length)).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Sends a report.
pub(crate) fn report(to: &mut impl Write, report: &Report) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    to.write_all(&line)
}
