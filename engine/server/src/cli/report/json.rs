//! For programs: one JSON object.

use kiket_core::diagnostic::Severity;
use serde_json::json;

use super::Report;
use crate::cli::text::json_text;

pub(super) fn write(report: &Report<'_>) -> String {
    json_text(&json!({
        "diagnostics": report.diagnostics,
        "errors": report.count(Severity::Error),
        "warnings": report.count(Severity::Warning),
    }))
}
