//! SARIF 2.1.0 (OASIS), which code scanning and editors read.
//!
//! Every code is a rule, whether something was found under it or not. Paths are relative to `SRCROOT`, the folder that
//! holds `.kiket/`, or to the root of another level, such as `BUNDLED`; columns count characters, and the end column is
//! the one behind the last character.

use std::fmt::Write as _;

use kiket_core::diagnostic::{Code, Diagnostic, Severity};
use serde_json::{Value as Json, json};

use super::Report;
use crate::cli::text::json_text;

pub(super) fn write(report: &Report<'_>) -> String {
    let rules: Vec<Json> = Code::ALL.iter().map(|code| rule(*code)).collect();
    let results: Vec<Json> = report.diagnostics.iter().map(result).collect();
    json_text(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "kiket", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

fn rule(code: Code) -> Json {
    let (title, explanation) = (code.title().trim(), code.explanation());
    json!({
        "id": code.text(),
        "shortDescription": { "text": title },
        "help": { "text": if explanation.is_empty() { title } else { explanation } },
        "defaultConfiguration": { "level": level(code.severity()) },
    })
}

fn result(found: &Diagnostic) -> Json {
    let mut message = found.message.clone();
    if let Some(hint) = &found.hint {
        message += &format!("\nhelp: {hint}");
    }
    let root = match found.level.is_repository() {
        true => "SRCROOT".to_owned(),
        false => found.level.word().to_uppercase(),
    };
    let mut place = json!({ "artifactLocation": { "uri": uri(&found.path), "uriBaseId": root } });
    let span = found.span;
    // Line 0 is the whole file.
    if span.line > 0 {
        let column = span.column.max(1);
        place["region"] = json!({
            "startLine": span.line,
            "startColumn": column,
            "endColumn": column + span.length.max(1),
        });
    }
    json!({
        "ruleId": found.code.text(),
        "ruleIndex": Code::ALL.iter().position(|code| *code == found.code),
        "level": level(found.severity),
        "message": { "text": message },
        "locations": [{ "physicalLocation": place }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// Writes a path as a relative reference (RFC 3986): every byte that means something in one is escaped.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            byte => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}
