//! How a call ended against how it had to.

use kiket_core::case::End;
use serde_json::Value as Json;

use super::difference::differences;

/// How a call ended.
pub(super) enum Found {
    Output(Json),
    /// What a guard said: nothing against it, or a reason.
    Verdict(Option<String>),
    Failure {
        kind: String,
        message: String,
    },
}

/// Says what is wrong with the end of a call.
pub(super) fn compare(expected: &End, found: &Found) -> Vec<String> {
    match (expected, found) {
        (End::Output(expected), Found::Output(found)) => {
            differences(expected, found).into_iter().map(|different| format!("output {different}")).collect()
        }
        (End::Verdict { allow: true, .. }, Found::Verdict(None)) => Vec::new(),
        (End::Verdict { allow: false, reason_contains }, Found::Verdict(Some(reason))) => {
            contains("reason", reason_contains.as_deref(), reason).into_iter().collect()
        }
        (End::Failure { kind, message_contains }, Found::Failure { kind: found, message }) => {
            let kind = (kind != found).then(|| format!("failure kind: expected {kind}, found {found}: {message}"));
            kind.into_iter().chain(contains("failure message", message_contains.as_deref(), message)).collect()
        }
        (expected, found) => vec![format!("{} is expected, and {}", wanted(expected), happened(found))],
    }
}

fn contains(what: &str, part: Option<&str>, text: &str) -> Option<String> {
    let part = part.filter(|part| !text.contains(part))?;
    Some(format!("{what}: expected it to contain \"{part}\", found \"{text}\""))
}

fn wanted(expected: &End) -> String {
    match expected {
        End::Output(_) => "an output".to_owned(),
        End::Verdict { allow: true, .. } => "a yes".to_owned(),
        End::Verdict { allow: false, .. } => "a no".to_owned(),
        End::Failure { kind, .. } => format!("a failure `{kind}`"),
    }
}

fn happened(found: &Found) -> String {
    match found {
        Found::Output(output) => format!("it succeeded: {output}"),
        Found::Verdict(None) => "the guard allows it".to_owned(),
        Found::Verdict(Some(reason)) => format!("the guard denies it: {reason}"),
        Found::Failure { kind, message } => format!("it failed: {kind}: {message}"),
    }
}
