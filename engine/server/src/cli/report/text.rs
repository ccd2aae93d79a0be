//! For people: each problem with its line and a caret, then a summary.

use kiket_core::Source;
use kiket_core::diagnostic::{Diagnostic, Severity, render as render_one};

use super::Report;
use crate::cli::text::clean_lines;

pub(super) fn write(report: &Report<'_>) -> String {
    let mut out = render(report);
    out += &format!("{}\n", report.summary());
    if report.count(Severity::Error) + report.count(Severity::Warning) > 0 {
        out += "`kiket explain CODE` says what a code means and what to do\n";
    }
    out
}

/// Writes the problems alone.
pub(super) fn render(report: &Report<'_>) -> String {
    let text = |found: &Diagnostic| {
        let is_home = |source: &&Source| source.path == found.path && source.origin.level == found.level;
        report.sources.iter().find(is_home).map(|source| source.text.as_str())
    };
    report.diagnostics.iter().map(|found| clean_lines(&render_one(found, text(found)))).collect()
}
