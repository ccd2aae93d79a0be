//! Reading typed values out of a YAML tree whose shape was checked. What does not fit was reported there, so
//! reading is quiet: it takes what it can use and leaves the rest.

use std::time::Duration;

use crate::diagnostic::Span;
use crate::duration;
use crate::size;
use crate::yaml::{Key, Node, Value};

/// A value and the place it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl Located<String> {
    /// Takes a text and its place.
    pub(crate) fn text(node: &Node) -> Option<Self> {
        node.as_str().map(|text| Self { value: text.to_owned(), span: node.span })
    }

    /// Takes a key and its place.
    pub(crate) fn key(key: &Key) -> Self {
        Self { value: key.text.clone(), span: key.span }
    }
}

/// Returns the entries of a mapping; none for anything else.
pub(crate) fn entries(node: Option<&Node>) -> impl Iterator<Item = (&Key, &Node)> {
    let entries = match node.map(|node| &node.value) {
        Some(Value::Mapping(entries)) => entries.as_slice(),
        _ => &[],
    };
    entries.iter().map(|(key, node)| (key, node))
}

/// Returns the entry of a mapping with its key.
pub(crate) fn entry_at<'n>(node: &'n Node, key: &str) -> Option<(&'n Key, &'n Node)> {
    entries(Some(node)).find(|(name, _)| name.text == key)
}

/// Returns the items of a list, or a value alone as a list of one; none for nothing.
pub(crate) fn items(node: Option<&Node>) -> &[Node] {
    match node {
        None | Some(Node { value: Value::Null, .. }) => &[],
        Some(Node { value: Value::Sequence(items), .. }) => items,
        Some(one) => std::slice::from_ref(one),
    }
}

/// Returns the texts of a list, or one text alone.
pub(crate) fn texts(node: Option<&Node>) -> Vec<Located<String>> {
    items(node).iter().filter_map(Located::text).collect()
}

/// Returns the text at a key.
pub(crate) fn text_at<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::as_str)
}

/// Returns the text at a key; a number or boolean is read as text.
pub(crate) fn scalar_at(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(scalar)
}

/// Returns a text; a number or boolean is read as text.
pub(crate) fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

/// Returns the boolean at a key.
pub(crate) fn boolean_at(node: &Node, key: &str) -> Option<bool> {
    match node.get(key)?.value {
        Value::Bool(value) => Some(value),
        _ => None,
    }
}

/// Returns the whole number at a key.
pub(crate) fn number_at<T: TryFrom<i64>>(node: &Node, key: &str) -> Option<T> {
    match &node.get(key)?.value {
        Value::Number(number) => number.as_i64().and_then(|number| number.try_into().ok()),
        _ => None,
    }
}

/// Returns the length of time at a key.
pub(crate) fn duration_at(node: &Node, key: &str) -> Option<Duration> {
    text_at(node, key).and_then(duration::parse)
}

/// Returns the amount of bytes at a key.
pub(crate) fn size_at(node: &Node, key: &str) -> Option<u64> {
    match &node.get(key)?.value {
        Value::String(text) => size::parse(text),
        Value::Number(number) => number.as_u64().filter(|bytes| *bytes > 0),
        _ => None,
    }
}

/// Returns what the word at a key stands for.
pub(crate) fn word_at<T>(node: &Node, key: &str, from_word: impl Fn(&str) -> Option<T>) -> Option<T> {
    text_at(node, key).and_then(from_word)
}
