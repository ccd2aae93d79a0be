//! The doctor: looks at a data folder and the machine below it, changes nothing, and says what to do.
//!
//! It works beside a running server, which keeps its lock: the database is read as any reader reads it. The one thing
//! that it takes is the server's lock, shared and for a moment, to see whether anybody has it.

mod database;
mod files;
mod machine;

use std::net::SocketAddr;
use std::path::Path;

use serde::Serialize;

use crate::invariants::Violation;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and may not for long or not in every respect.
    Warn,
    /// It does not work, or something is lost.
    Bad,
}

impl Verdict {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    /// What was looked at; the names are stable.
    pub(crate) name: &'static str,
    /// How it is.
    pub(crate) verdict: Verdict,
    /// What was found.
    pub(crate) found: String,
    /// What to do, where there is something to do.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
    /// Which invariants do not hold, where that is what was looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) violations: Vec<Violation>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, found: found.into(), advice: None, violations: Vec::new() }
    }

    fn warn(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warn, found: found.into(), advice: Some(advice.into()), violations: Vec::new() }
    }

    fn bad(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Bad, found: found.into(), advice: Some(advice.into()), violations: Vec::new() }
    }
}

/// What is to be looked at.
pub(crate) struct Patient<'p> {
    pub(crate) data: &'p Path,
    pub(crate) master_key: &'p Path,
    pub(crate) listen: SocketAddr,
    /// Where sites are served, if anywhere.
    pub(crate) sites: Option<SocketAddr>,
}

/// Looks at everything, in a fixed order. What cannot be looked at, because something before it is not there, is left
/// out. Reads every artifact and all of the database, so it takes its time.
pub(crate) async fn examine(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = files::folder(patient.data);
    let there = checks.iter().all(|check| check.verdict != Verdict::Bad);
    let mut runs = false;
    if there {
        runs = database::examine(patient, &mut checks).await;
    }
    machine::examine(patient, there, runs, &mut checks).await;
    checks
}

/// The first of many, and how many more there are.
fn first_of(all: &[String]) -> String {
    match all {
        [] => String::new(),
        [one] => one.clone(),
        [one, rest @ ..] => format!("{one}, and {} more", rest.len()),
    }
}
