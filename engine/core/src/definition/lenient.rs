//! Reading Kiket's files as they are written: a name may be a number, a switch may be `yes`, named things may be a
//! list or a mapping by their names. What cannot be read is left out; that it would mean nothing is for the shapes
//! to say.

use serde_json::Value as Json;

use crate::decode::{self, Located, entries, items};
use crate::diagnostic::{Code, Problems, Span};
use crate::shape::Shape;
use crate::yaml::{Node, Value};

/// `true` or `false`, and the words that YAML 1.1, for which Kiket's files were written, reads so.
pub(super) const FLAG: Shape =
    Shape::Either(&[Shape::Word(&["true", "false", "yes", "no", "on", "off"]), Shape::Boolean]);

/// Names: a text, a list of texts or of mappings that name themselves, or a mapping by name.
pub(super) const NAMES: Shape = Shape::Any;

/// How things in a list call themselves, the most binding first.
pub(super) const NAME_KEYS: [&str; 3] = ["key", "id", "name"];

/// Something with a name: the name, and everything that is said of it.
pub(super) struct Named<'n> {
    pub(super) name: Located<String>,
    pub(super) node: &'n Node,
}

/// Returns the text of a scalar; a number or a boolean is read as its text.
pub(super) fn located(node: &Node) -> Option<Located<String>> {
    decode::scalar(node).map(|value| Located { value, span: node.span })
}

/// Returns the scalar at the first of these keys that has one.
pub(super) fn located_at(node: &Node, keys: &[&str]) -> Option<Located<String>> {
    keys.iter().find_map(|key| node.get(key).and_then(located))
}

/// Returns the scalars of a list, or one alone.
pub(super) fn scalars(node: Option<&Node>) -> Vec<Located<String>> {
    items(node).iter().filter_map(located).collect()
}

/// Returns the scalars at the first of these keys that is there.
pub(super) fn scalars_at(node: &Node, keys: &[&str]) -> Vec<Located<String>> {
    scalars(first(node, keys))
}

/// Returns the texts of a list, or one alone, without their places.
pub(super) fn plain(node: Option<&Node>) -> Vec<String> {
    scalars(node).into_iter().map(|text| text.value).collect()
}

/// Returns the value at the first of these keys that is there.
pub(super) fn first<'n>(node: &'n Node, keys: &[&str]) -> Option<&'n Node> {
    keys.iter().find_map(|key| node.get(key))
}

/// Returns the switch at a key.
pub(super) fn flag_at(node: &Node, key: &str) -> Option<bool> {
    match located_at(node, &[key])?.value.as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Returns the value at a key as JSON; nothing for `key:`.
pub(super) fn json_at(node: &Node, key: &str) -> Option<Json> {
    node.get(key).filter(|node| node.value != Value::Null).map(Node::to_json)
}

/// Returns one mapping of what stands below one of these root keys and, behind it, of what stands beside it: files of
/// one kind are written in both ways.
pub(super) fn flattened(root: &Node, keys: &[&str]) -> Node {
    let (mut inner, mut outer) = (Vec::new(), Vec::new());
    for (key, node) in entries(Some(root)) {
        match &node.value {
            Value::Mapping(entries) if keys.contains(&key.text.as_str()) => inner.extend(entries.iter().cloned()),
            _ => outer.push((key.clone(), node.clone())),
        }
    }
    inner.append(&mut outer);
    Node { value: Value::Mapping(inner), span: root.span }
}

/// Returns things with their names, however they are listed. One that has no name is reported; `what` is what it is
/// called there.
pub(super) fn named<'n>(node: Option<&'n Node>, what: &str, problems: &mut Problems<'_>) -> Vec<Named<'n>> {
    if let Some(Node { value: Value::Mapping(_), .. }) = node {
        let inner = |node| located_at(node, &["key", "id"]);
        return entries(node)
            .map(|(key, node)| Named { name: inner(node).unwrap_or_else(|| Located::key(key)), node })
            .collect();
    }
    items(node).iter().filter_map(|node| named_item(node, what, problems)).collect()
}

/// Returns one entry of a list with its name.
pub(super) fn named_item<'n>(node: &'n Node, what: &str, problems: &mut Problems<'_>) -> Option<Named<'n>> {
    if let Some(name) = located(node).or_else(|| located_at(node, &NAME_KEYS)) {
        return Some(Named { name, node });
    }
    match &node.value {
        Value::Mapping(entries) => {
            // `- qa: {description: …}`
            if let [(key, inner @ Node { value: Value::Mapping(_) | Value::Null, .. })] = entries.as_slice() {
                return Some(Named { name: Located::key(key), node: inner });
            }
            let message = format!("{what} has no \"key\" and no \"name\"");
            problems.report(Code::MissingKey, place_of(node), message);
            None
        }
        _ => None,
    }
}

/// Reports things of one list that share a name.
pub(super) fn report_twins<'n>(
    names: impl Iterator<Item = &'n Located<String>>,
    what: &str,
    problems: &mut Problems<'_>,
) {
    let mut seen: Vec<&Located<String>> = Vec::new();
    for name in names {
        match seen.iter().find(|other| other.value == name.value) {
            Some(other) => {
                let message = format!("{what} \"{:.60}\" is already defined in line {}", name.value, other.span.line);
                problems.report(Code::DuplicateId, name.span, message);
            }
            None => seen.push(name),
        }
    }
}

/// A block mapping spans many lines: its place is its first key.
pub(super) fn place_of(node: &Node) -> Span {
    entries(Some(node)).next().map_or(node.span, |(key, _)| key.span)
}
