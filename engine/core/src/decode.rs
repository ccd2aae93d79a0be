//! Reading typed values out of a YAML tree. Every mistake is reported where it
//! stands, and reading goes on, so that one pass finds them all.

use std::time::Duration;

use crate::diagnostic::{Code, Problems, Span};
use crate::duration;
use crate::yaml::{Key, Node, Value};

/// A value and the place it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// The entries of a closed mapping: each key is taken once, what is left over is unknown.
pub(crate) struct Fields<'n> {
    what: String,
    span: Span,
    entries: &'n [(Key, Node)],
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Starts reading a mapping; `what` names it in messages: `stage "build"`.
    pub(crate) fn of(node: &'n Node, what: impl Into<String>, problems: &mut Problems<'_>) -> Option<Self> {
        let what = what.into();
        match &node.value {
            Value::Mapping(entries) => Some(Self { what, span: node.span, entries, known: Vec::new() }),
            _ => {
                wrong_type(&what, "a mapping", node, problems);
                None
            }
        }
    }

    /// Takes a key; a value of null counts as absent.
    pub(crate) fn optional(&mut self, key: &'static str) -> Option<&'n Node> {
        self.known.push(key);
        let (_, node) = self.entries.iter().find(|(name, _)| name.text == key)?;
        (node.value != Value::Null).then_some(node)
    }

    /// Takes a key that has to be there.
    pub(crate) fn required(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<&'n Node> {
        let node = self.optional(key);
        if node.is_none() {
            problems.report(Code::MissingKey, self.span, format!("{} has no \"{key}\"", self.what));
        }
        node
    }

    /// Takes keys that are part of the language but that this version does not run yet.
    pub(crate) fn not_supported(&mut self, keys: &[&'static str], problems: &mut Problems<'_>) {
        for key in keys {
            self.known.push(key);
            if let Some((name, _)) = self.entries.iter().find(|(name, _)| name.text == *key) {
                let message = format!("{}: \"{key}\" is not supported yet", self.what);
                problems.report_with_hint(
                    Code::NotSupported,
                    name.span,
                    message,
                    "remove it: this version would not act on it",
                );
            }
        }
    }

    /// Reports the keys that nobody took.
    pub(crate) fn finish(self, problems: &mut Problems<'_>) {
        for (key, _) in self.entries.iter().filter(|(key, _)| !self.known.contains(&key.text.as_str())) {
            let message = format!("{} has no key \"{}\"", self.what, key.text);
            problems.report_unknown(Code::UnknownKey, key.span, message, &key.text, self.known.iter().copied());
        }
    }
}

pub(crate) fn wrong_type(what: &str, expected: &str, node: &Node, problems: &mut Problems<'_>) {
    problems.report(Code::WrongType, node.span, format!("{what} has to be {expected}, and this is {}", node.kind()));
}

pub(crate) fn text(node: &Node, what: &str, problems: &mut Problems<'_>) -> Option<String> {
    let text = node.as_str();
    if text.is_none() {
        wrong_type(what, "text", node, problems);
    }
    text.map(str::to_owned)
}

pub(crate) fn boolean(node: &Node, what: &str, problems: &mut Problems<'_>) -> Option<bool> {
    match node.value {
        Value::Bool(value) => Some(value),
        _ => {
            wrong_type(what, "true or false", node, problems);
            None
        }
    }
}

/// Reads `[a, b]`, or `a` alone as a list of one.
pub(crate) fn texts(node: &Node, what: &str, problems: &mut Problems<'_>) -> Vec<Located<String>> {
    match &node.value {
        Value::Sequence(items) => items
            .iter()
            .filter_map(|item| {
                Some(Located { value: text(item, &format!("an entry of {what}"), problems)?, span: item.span })
            })
            .collect(),
        Value::String(one) => vec![Located { value: one.clone(), span: node.span }],
        _ => {
            wrong_type(what, "a list of texts", node, problems);
            Vec::new()
        }
    }
}

pub(crate) fn length_of_time(node: &Node, what: &str, problems: &mut Problems<'_>) -> Option<Duration> {
    let text = text(node, what, problems)?;
    let duration = duration::parse(&text);
    if duration.is_none() {
        let message = format!("{what}: \"{text}\" is not a duration");
        problems.report_with_hint(
            Code::InvalidValue,
            node.span,
            message,
            "write 90s, 15m, 4h, 3d or ISO 8601 such as PT15M",
        );
    }
    duration
}

/// Reads one of a fixed set of words.
pub(crate) fn word<T: Copy>(node: &Node, what: &str, words: &[(&str, T)], problems: &mut Problems<'_>) -> Option<T> {
    let text = text(node, what, problems)?;
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if found.is_none() {
        let message = format!("{what} cannot be \"{text}\"");
        problems.report_unknown(Code::InvalidValue, node.span, message, &text, words.iter().map(|(word, _)| *word));
    }
    found
}

/// Which characters an id may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdRule {
    /// `[a-z][a-z0-9_-]*`
    Definition,
    /// `[a-z][a-z0-9_]*`: stages are names in CEL, which reads a dash as minus.
    Stage,
}

/// Checks an id of at most 64 characters.
pub(crate) fn check_id(id: &str, span: Span, what: &str, rule: IdRule, problems: &mut Problems<'_>) {
    let dash = rule == IdRule::Definition;
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || (dash && byte == b'-');
    let valid =
        id.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase()) && id.bytes().all(rest) && id.len() <= 64;
    if !valid {
        let hint = match rule {
            IdRule::Definition => "use at most 64 of a-z, 0-9, _ and -, and begin with a letter",
            IdRule::Stage => {
                "use at most 64 of a-z, 0-9 and _, and begin with a letter (an expression reads a dash as minus)"
            }
        };
        problems.report_with_hint(Code::InvalidId, span, format!("\"{id}\" cannot be the id of {what}"), hint);
    }
}
