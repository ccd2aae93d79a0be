//! Text of Kiket's files with values of the item in it: `${path | filter}`, `{{ path | filter }}`.
//!
//! This is Kiket's templating, not our expressions: a path and filters, nothing is computed. What is not a path stays
//! the text that it is. Reading and writing take linear time, and nothing here calls itself.

mod filter;
mod payload;

use serde_json::Value as Json;

use crate::decode::Located;
use crate::definition::vocabulary::{ITEM_FIELDS, ROOTS, canonical_path, is_known_path};
use crate::diagnostic::{Code, Problems, Span};
use crate::yaml::{Node, Value};
use filter::Filter;

pub use payload::Payload;

/// Longest path with its filters, in bytes; what is longer is text.
pub const MAX_PLACEHOLDER: usize = 512;
/// How many values of one text have a place of their own; finding one takes longer the further behind it stands. The
/// others stand where the text does.
const MAX_PLACED: usize = 64;

/// A text with values in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    parts: Vec<Part>,
    span: Span,
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Value(Placeholder),
}

/// A value in a message: where it comes from and what is done with it.
#[derive(Debug, Clone, PartialEq)]
struct Placeholder {
    /// The canonical path, and where it stands.
    path: Located<String>,
    filters: Vec<Filter>,
}

impl Message {
    /// Reads the message that a node is; numbers and booleans are read as text. `None` for anything else.
    pub(crate) fn decode(node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        match &node.value {
            Value::String(text) => Some(Self::parse(text, node.span, problems)),
            Value::Number(_) | Value::Bool(_) => Some(Self::literal(&node.to_json().to_string(), node.span)),
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// Reads a message. Paths that name nothing known and filters that there are not are warned of.
    pub(crate) fn parse(text: &str, span: Span, problems: &mut Problems<'_>) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find(['$', '{']) {
            let start = at + found;
            literal.push_str(&text[at..start]);
            match placeholder(&text[start..]) {
                Some((inner, length)) => {
                    let offset = inner.as_ptr() as usize - text.as_ptr() as usize;
                    let placed = parts.len() < 2 * MAX_PLACED;
                    let place = |at: usize, length: usize, problems: &Problems<'_>| {
                        if placed { problems.inside(span, text, offset + at, length) } else { span }
                    };
                    if let Some(placeholder) = Placeholder::parse(inner, &place, problems) {
                        if !literal.is_empty() {
                            parts.push(Part::Text(std::mem::take(&mut literal)));
                        }
                        parts.push(Part::Value(placeholder));
                    } else {
                        literal.push_str(&text[start..start + length]);
                    }
                    at = start + length;
                }
                None => {
                    literal.push_str(&text[start..=start]);
                    at = start + 1;
                }
            }
        }
        literal.push_str(&text[at..]);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Self { parts, span }
    }

    /// Makes a message without values.
    pub(crate) fn literal(text: &str, span: Span) -> Self {
        Self { parts: vec![Part::Text(text.to_owned())], span }
    }

    /// Returns where it stands.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Returns the text of a message without values.
    #[must_use]
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns the canonical paths of the values in it, and where they stand.
    pub fn paths(&self) -> impl Iterator<Item = &Located<String>> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Value(placeholder) => Some(&placeholder.path),
        })
    }

    /// Writes the message out; `value` returns what stands at a canonical path, null where there is nothing, which
    /// is written as no text at all.
    #[must_use]
    pub fn render(&self, value: &dyn Fn(&str) -> Json) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Value(placeholder) => text.push_str(&filter::text(&placeholder.evaluate(value))),
            }
        }
        text
    }

    /// Returns the value of a message that is one value alone, which keeps its type; otherwise the text.
    #[must_use]
    pub fn evaluate(&self, value: &dyn Fn(&str) -> Json) -> Json {
        match self.parts.as_slice() {
            [Part::Value(placeholder)] => placeholder.evaluate(value),
            _ => Json::String(self.render(value)),
        }
    }
}

impl Placeholder {
    /// Reads a path and filters; `None` where the text is none. `place` finds a part of the text in the source.
    fn parse(
        inner: &str,
        place: &dyn Fn(usize, usize, &Problems<'_>) -> Span,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let mut pieces = filter::split(inner, '|');
        let (offset, written) = pieces.next().map(|piece| filter::trim(inner, piece))?;
        if !is_path(written) {
            return None;
        }
        let filters: Vec<(usize, Filter)> = pieces
            .map(|piece| filter::trim(inner, piece))
            .map(|(offset, piece)| Filter::parse(piece).map(|filter| (offset, filter)))
            .collect::<Option<_>>()?;
        let span = place(offset, written.len(), problems);
        let path = canonical_path(written);
        if !is_known_path(&path) {
            let message = format!("nothing is known as \"{written:.80}\"; it is written as no text");
            let root = written.split('.').next().unwrap_or_default();
            problems.report_unknown(Code::UnknownPath, span, message, root, ROOTS.into_iter().chain(ITEM_FIELDS));
        }
        for (offset, filter) in &filters {
            if let Filter::Unknown(name) = filter {
                let message = format!("there is no filter \"{name:.40}\"; the value is left as it is");
                let span = place(*offset, name.len(), problems);
                problems.report_unknown(Code::UnknownPath, span, message, name, Filter::NAMES);
            }
        }
        let filters = filters.into_iter().map(|(_, filter)| filter).collect();
        Some(Self { path: Located { value: path, span }, filters })
    }

    fn evaluate(&self, value: &dyn Fn(&str) -> Json) -> Json {
        self.filters.iter().fold(value(&self.path.value), |value, filter| filter.apply(value))
    }
}

/// Returns what stands between the brackets that a text begins with, and how long it is with them.
///
/// `${{ path }}`, which is how pipelines write it, counts as well. A bracket that opens outside quotes ends the search:
/// no text is looked at more than a few times, however many brackets it has.
fn placeholder(text: &str) -> Option<(&str, usize)> {
    let (open, close) = match text.as_bytes() {
        [b'$', b'{', b'{', ..] => ("${{", "}}"),
        [b'$', b'{', ..] => ("${", "}"),
        [b'{', b'{', ..] => ("{{", "}}"),
        _ => return None,
    };
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate().skip(open.len()).take(MAX_PLACEHOLDER) {
        match (quote, byte) {
            (Some(end), byte) if byte == end => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'{') => return None,
            (None, b'}') if text[at..].starts_with(close) => return Some((&text[open.len()..at], at + close.len())),
            (None, _) => {}
        }
    }
    None
}

/// `name`, `case.custom_fields.x`: names of letters, digits, `_` and `-` with dots between them.
fn is_path(text: &str) -> bool {
    let name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_') && text.split('.').all(name)
}
