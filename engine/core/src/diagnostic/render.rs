//! A diagnostic as text for a terminal or a log: one line that can be searched,
//! then the source line with a caret, then the help.

use std::fmt::Write;

use super::Diagnostic;

/// Longest part of a source line that is shown, in characters.
const WIDTH: usize = 120;

/// Returns the diagnostic with its place in `text`, the source it is about;
/// without a text, or for a whole file, only the line and the help.
#[must_use]
pub fn render(diagnostic: &Diagnostic, text: Option<&str>) -> String {
    let Diagnostic { severity, code, path, level, span, message, hint } = diagnostic;
    let mut out = format!("{severity}[{code}] ");
    if !level.is_repository() {
        let _ = write!(out, "{level}:");
    }
    out.push_str(path);
    if span.line > 0 {
        let _ = write!(out, ":{}:{}", span.line, span.column);
    }
    let _ = writeln!(out, " {message}");
    let line = text.filter(|_| span.line > 0).and_then(|text| text.lines().nth(span.line as usize - 1));
    if let Some(line) = line {
        let gutter = span.line.to_string().len();
        let start = (span.column.max(1) - 1) as usize;
        let from = start.saturating_sub(WIDTH * 2 / 3);
        let shown: String = line.chars().skip(from).take(WIDTH).map(visible).collect();
        let room = shown.chars().count().saturating_sub(start - from).max(1);
        let carets = "^".repeat((span.length.max(1) as usize).min(room));
        let _ = writeln!(out, "{:gutter$} |", "");
        let _ = writeln!(out, "{} | {shown}", span.line);
        let _ = writeln!(out, "{:gutter$} | {:indent$}{carets}", "", "", indent = start - from);
    }
    if let Some(hint) = hint {
        let _ = writeln!(out, "  help: {hint}");
    }
    out
}

/// A tab would move the caret, a control character the whole terminal.
fn visible(character: char) -> char {
    match character {
        '\t' => ' ',
        character if character.is_control() => '\u{fffd}',
        character => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Problems, Span};

    #[test]
    fn shows_the_line_a_caret_and_the_help() {
        let mut problems = Problems::new(".kiket/pipelines/release.yaml");
        let span = Span { line: 2, column: 9, length: 5 };
        problems.report_unknown(
            Code::UnknownStage,
            span,
            "stage \"deploy\" needs \"biuld\", which does not exist",
            "biuld",
            ["build", "test"],
        );
        let found = problems.into_diagnostics();
        assert_eq!(
            render(&found[0], Some("deploy:\n  needs: biuld\n")),
            "error[E0104] .kiket/pipelines/release.yaml:2:9 stage \"deploy\" needs \"biuld\", which does not exist\n  |\n2 |   needs: biuld\n  |         ^^^^^\n  help: did you mean \"build\"?\n"
        );
    }
}
