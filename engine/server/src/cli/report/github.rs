//! Workflow commands of GitHub Actions, which become annotations of the lines they name.
//!
//! A command is one line. What would end it, or one of its properties, is escaped as GitHub's own toolkit does it.

use kiket_core::diagnostic::{Diagnostic, Severity, Span};

use super::Report;
use crate::cli::text::clean;

pub(super) fn write(report: &Report<'_>) -> String {
    let mut out: String = report.diagnostics.iter().map(command).collect();
    out += &format!("{}\n", report.summary());
    out
}

fn command(found: &Diagnostic) -> String {
    let kind = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let hint = found.hint.as_ref().map(|hint| format!("\nhelp: {hint}")).unwrap_or_default();
    let message = format!("{}{hint}", found.message);
    // What is not in the repository cannot be annotated there.
    if !found.level.is_repository() {
        let message = data(&format!("{}:{} {message}", found.level, found.path));
        return format!("::{kind} title={}::{message}\n", found.code);
    }
    format!("::{kind} file={}{},title={}::{}\n", property(&found.path), place(found.span), found.code, data(&message))
}

/// Says where in the file: nothing for a whole file, which is line 0.
fn place(span: Span) -> String {
    if span.line == 0 {
        return String::new();
    }
    let column = span.column.max(1);
    format!(",line={},col={column},endColumn={}", span.line, column + span.length.max(1))
}

/// Escapes a message. What is left can steer neither the runner nor a terminal.
fn data(text: &str) -> String {
    let escaped = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    clean(&escaped).into_owned()
}

/// Escapes the value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
