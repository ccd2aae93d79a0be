//! What was found in definitions, written for people or for one of the programs that show such things.

mod github;
mod json;
mod sarif;
mod text;

use clap::ValueEnum;
use kiket_core::Source;
use kiket_core::diagnostic::{Diagnostic, Severity};

use super::tree::Tree;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations in a job of GitHub Actions
    Github,
}

/// What was found in a working tree's definitions.
pub(super) struct Report<'a> {
    sources: &'a [Source],
    diagnostics: &'a [Diagnostic],
}

impl<'a> Report<'a> {
    /// Reports on a working tree.
    pub(super) fn of(tree: &'a Tree) -> Self {
        Self { sources: &tree.sources, diagnostics: &tree.diagnostics }
    }

    /// Returns how many problems matter that much.
    pub(super) fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|found| found.severity == severity).count()
    }

    /// Writes everything, whole lines.
    pub(super) fn write(&self, format: Format) -> String {
        match format {
            Format::Text => text::write(self),
            Format::Json => json::write(self),
            Format::Sarif => sarif::write(self),
            Format::Github => github::write(self),
        }
    }

    /// Writes the problems for people, without a summary.
    pub(super) fn render(&self) -> String {
        text::render(self)
    }

    /// Sums up on one line: `3 files: no errors, 1 warning`.
    fn summary(&self) -> String {
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        format!(
            "{}: {}, {}",
            counted(self.sources.iter().filter(|source| source.origin.level.is_repository()).count(), "file"),
            counted(errors, "error"),
            counted(warnings, "warning")
        )
    }
}

/// Says a number of things.
fn counted(number: usize, thing: &str) -> String {
    match number {
        0 => format!("no {thing}s"),
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
}

#[cfg(test)]
mod tests;
