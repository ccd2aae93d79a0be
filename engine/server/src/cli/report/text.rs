//! For people: each problem with its line and a caret, then a summary.

use kiket_core::diagnostic::{Severity, render as render_one};

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
    let text = |path: &str| report.sources.iter().find(|source| source.path == path).map(|source| source.text.as_str());
    report.diagnostics.iter().map(|found| clean_lines(&render_one(found, text(&found.path)))).collect()
}
