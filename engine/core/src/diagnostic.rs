//! What is wrong with a definition, said to the person who wrote it.
//!
//! A mistake in a definition is data, not an error: parsing and compiling report
//! every problem they find. A diagnostic names the thing, the place, the reason
//! and what to do, under a code that never changes its meaning.

mod code;
mod place;
mod render;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::source::{Level, Source};

pub use code::Code;
pub use render::render;

/// A stretch of one line in a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Span {
    /// Line, counted from 1; 0 means the whole file.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// Length in characters; at least 1 is drawn.
    pub length: u32,
}

/// Among how many problems of a source names are guessed at.
const MAX_GUESSES: usize = 200;

/// Most known names that a hint lists where none of them looks like the unknown one.
const MAX_LISTED: usize = 16;

/// How much a diagnostic matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The revision is refused.
    Error,
    /// Accepted, but probably not what was meant.
    Warning,
    /// Worth knowing; nothing to do.
    Info,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        })
    }
}

/// One problem at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// Stable code.
    pub code: Code,
    /// Path of the source, as in [`crate::Source`].
    pub path: String,
    /// The level that the source is of.
    #[serde(skip_serializing_if = "Level::is_repository")]
    pub level: Level,
    /// Where in the source.
    #[serde(flatten)]
    pub span: Span,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Collects the problems of one source.
#[derive(Debug)]
pub struct Problems<'s> {
    path: &'s str,
    level: Level,
    text: &'s str,
    /// The lines of the text, looked up for each place inside a value.
    lines: Vec<&'s str>,
    found: Vec<Diagnostic>,
}

impl<'s> Problems<'s> {
    /// Starts an empty collection for the source at `path`.
    #[must_use]
    pub fn new(path: &'s str) -> Self {
        Self { path, level: Level::Repository, text: "", lines: Vec::new(), found: Vec::new() }
    }

    /// Starts an empty collection for a source whose text is at hand, so that places inside values can be found.
    #[must_use]
    pub fn of(source: &'s Source) -> Self {
        let (path, text) = (&source.path, &source.text);
        let lines = text.split_inclusive('\n').collect();
        Self { path, level: source.origin.level, text, lines, found: Vec::new() }
    }

    /// Returns the place of a part of a scalar: `offset` and `length` count bytes of `value`, which is what the
    /// scalar at `span` says once quotes, escapes, indentation and folded lines are undone.
    #[must_use]
    pub fn inside(&self, span: Span, value: &str, offset: usize, length: usize) -> Span {
        place::inside(self.text, &self.lines, span, value, offset, length)
    }

    /// Reports a problem; the severity follows from the code.
    pub fn report(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.push(code, span, message.into(), None);
    }

    /// Reports a problem and what to do about it.
    pub fn report_with_hint(&mut self, code: Code, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.push(code, span, message.into(), Some(hint.into()));
    }

    /// Reports an unknown name, with the known one that looks most like it. Only the first 200 problems of a
    /// source are guessed at: comparing all names of a hostile one would take long.
    pub fn report_unknown<'n>(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        name: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        let mut known: Vec<&str> = known.into_iter().collect();
        known.sort_unstable();
        let guess = if self.found.len() < MAX_GUESSES { closest(name, &known) } else { None };
        let hint = match guess {
            Some(best) => Some(format!("did you mean \"{best}\"?")),
            None if known.is_empty() || known.len() > MAX_LISTED => None,
            None => Some(format!("known here: {}", known.join(", "))),
        };
        self.push(code, span, message.into(), hint);
    }

    /// Returns how many errors there are so far.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.found.iter().filter(|found| found.severity == Severity::Error).count()
    }

    /// Returns the problems in the order of their places.
    #[must_use]
    pub fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|found| found.span);
        self.found
    }

    fn push(&mut self, code: Code, span: Span, message: String, hint: Option<String>) {
        self.found.push(Diagnostic {
            severity: code.severity(),
            code,
            path: self.path.to_owned(),
            level: self.level,
            span,
            message,
            hint,
        });
    }
}

/// Returns the known name that looks most like a name; `known` is sorted.
pub(crate) fn closest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    let limit = match name.chars().count() {
        // Of few letters everything is close to everything; what is longer than an id is no slip of one.
        0..=2 | 65.. => return None,
        length => length / 3,
    };
    known
        .iter()
        .filter(|candidate| candidate.chars().count().abs_diff(name.chars().count()) <= limit)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), *candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}
