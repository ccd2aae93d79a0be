//! YAML text as a tree in which every node knows its place.
//!
//! The only place that knows the YAML library. YAML 1.2 booleans only, one
//! document, no merge keys, duplicate keys refused, budgets on everything, so
//! that hostile text ends in a diagnostic and never in a crash.

mod flow;
mod mistake;
mod visit;

use serde_json::Number;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{budget, options};

use crate::diagnostic::{Code, Problems, Span};

pub use flow::flow;

/// Largest definition file, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// Deepest nesting of sequences and mappings.
pub const MAX_DEPTH: usize = 32;
/// Most nodes in one file.
pub const MAX_NODES: usize = 20_000;
/// Longest key, in bytes.
const MAX_KEY: usize = 256;
/// Most aliases in one file, and most nodes that one alias may stand for.
pub const MAX_ALIASES: usize = 64;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it starts; for an alias, where the alias stands.
    pub span: Span,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number.
    Number(Number),
    /// Text.
    String(String),
    /// `[a, b]`.
    Sequence(Vec<Node>),
    /// `{a: b}`, in the order of the file.
    Mapping(Vec<(Key, Node)>),
}

/// A key of a mapping and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The key's text.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

impl Node {
    /// Returns the text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the entry of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|(name, _)| name.text == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// Returns the node that a JSON pointer names, if there is one.
    #[must_use]
    pub fn get_at(&self, pointer: &str) -> Option<&Node> {
        let mut node = self;
        for part in pointer.split('/').skip(1) {
            node = node.step(part)?;
        }
        Some(node)
    }

    fn step(&self, part: &str) -> Option<&Node> {
        let part = part.replace("~1", "/").replace("~0", "~");
        match &self.value {
            Value::Sequence(items) => items.get(part.parse::<usize>().ok()?),
            _ => self.get(&part),
        }
    }

    /// Returns the node that a JSON pointer names, or the nearest one above it that exists.
    #[must_use]
    pub fn at_pointer(&self, pointer: &str) -> &Node {
        let mut node = self;
        for part in pointer.split('/').skip(1) {
            match node.step(part) {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// Returns the value as JSON, without places.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(value) => value.clone().into(),
            Value::String(value) => value.as_str().into(),
            Value::Sequence(items) => items.iter().map(Node::to_json).collect(),
            Value::Mapping(entries) => entries
                .iter()
                .map(|(key, node)| (key.text.clone(), node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    /// Returns what the value is, with its article, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

/// Reads one YAML document; on failure the problem is reported and nothing returned.
pub fn read(text: &str, problems: &mut Problems<'_>) -> Option<Node> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, and a definition has at most {MAX_BYTES}", text.len());
        problems.report(Code::Budget, Span::default(), message);
        return None;
    }
    let options = options! {
        budget: budget! {
            max_reader_input_bytes: Some(MAX_BYTES),
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: MAX_NODES * 3,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_documents: 1,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Node>(text, options) {
        Ok(node) => refuse_long_keys(&node, problems).then_some(node),
        Err(error) => {
            mistake::report(&error, text, problems);
            None
        }
    }
}

/// Tells whether no key is too long; the first one that is gets reported.
fn refuse_long_keys(root: &Node, problems: &mut Problems<'_>) -> bool {
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        match &node.value {
            Value::Sequence(items) => open.extend(items.iter().rev()),
            Value::Mapping(entries) => {
                if let Some((key, _)) = entries.iter().find(|(key, _)| key.text.len() > MAX_KEY) {
                    let message = format!("a key of {} bytes, and one has at most {MAX_KEY}", key.text.len());
                    problems.report(Code::Budget, key.span, message);
                    return false;
                }
                open.extend(entries.iter().rev().map(|(_, node)| node));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    true
}

fn span_of(location: &serde_saphyr::Location) -> Span {
    let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    Span { line: narrow(location.line()), column: narrow(location.column()), length: narrow(location.span().len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        let mut problems = Problems::new("a.yaml");
        assert_eq!(read(text, &mut problems), None, "accepted: {text:.80}");
        let found = problems.into_diagnostics();
        assert_eq!(found.len(), 1);
        format!("{} {}:{} {}", found[0].code, found[0].span.line, found[0].span.column, found[0].message)
    }

    fn tree(text: &str) -> Node {
        let mut problems = Problems::new("a.yaml");
        let node = read(text, &mut problems);
        node.unwrap_or_else(|| panic!("{:?}", problems.into_diagnostics()))
    }

    #[test]
    fn keeps_the_place_of_every_key_and_value() {
        let node = tree("on: yes\nstages:\n  build:\n    needs: [a, \"b\"]\n");
        assert_eq!(node.get("on").and_then(Node::as_str), Some("yes"));
        let needs = node.at_pointer("/stages/build/needs/1");
        assert_eq!(needs.span, Span { line: 4, column: 16, length: 3 });
        let Value::Mapping(entries) = &node.value else { panic!() };
        assert_eq!(entries[1].0.span, Span { line: 2, column: 1, length: 6 });
    }

    #[test]
    fn tells_scalars_apart_as_yaml_1_2_does() {
        let json = tree("{a: true, b: no, c: 1, d: 1.5, e: ~, f: \"1\", g: 0o17, h: on, i: '', j: 1.0}").to_json();
        assert_eq!(
            json.to_string(),
            r#"{"a":true,"b":"no","c":1,"d":1.5,"e":null,"f":"1","g":15,"h":"on","i":"","j":1.0}"#
        );
    }

    #[test]
    fn refuses_what_a_definition_cannot_be() {
        let cases = [
            ("a: 1\nb: 2\na: 3\n", "E0003 3:1 key \"a\" stands twice in one mapping"),
            ("a: [1, 2\nb: 3\n", "E0001 2:2 a key where the value above still goes on"),
            ("a: 1\n---\nb: 2\n", "E0002 2:1 a definition file holds one YAML document"),
            ("a: &x {b: 1}\nc:\n  <<: *x\n", "E0001 3:3 merge keys (`<<`) are not part of the language"),
            ("a: .inf\n", "E0001 1:4 value `.inf` is not a finite number"),
            ("? [a, b]\n: 1\n", "E0001 1:3 a key has to be text"),
            ("a: *nowhere\n", "E0001 1:4 `*nowhere` is an alias, and no `&nowhere` stands above it"),
            ("a: \u{0}\n", "E0001 1:4 unexpected character: `\\u{0}'"),
        ];
        for (text, expected) in cases {
            assert_eq!(problem(text), expected, "{text:?}");
        }
    }

    #[test]
    fn ends_bombs_in_a_problem() {
        assert!(problem(&"[".repeat(100_000)).starts_with("E0002 1:256 too deeply nested"));
        assert!(problem(&format!("{}1", "a: {".repeat(60_000))).starts_with("E0002 1:128 too deeply nested"));
        assert!(problem(&format!("a: {}", "x".repeat(MAX_BYTES))).starts_with("E0002"));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = level - 1;
            bomb.push_str(&format!("a{level}: &a{level} [*a{below}, *a{below}, *a{below}, *a{below}, *a{below}]\n"));
        }
        assert!(problem(&bomb).starts_with("E0002"), "{}", problem(&bomb));
    }
}
