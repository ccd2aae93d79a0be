//! What to do about a value of the wrong kind, where its writer's thought can be guessed; and keys that stand in the
//! wrong place or are misspelt, so that one mistake is reported once.

use super::{Entry, Record, Shape};
use crate::diagnostic::closest;
use crate::yaml::{Key, Node, Value};

impl Shape {
    /// Says what to write instead of a value that this shape does not take.
    pub(super) fn advice(&self, node: &Node) -> Option<String> {
        match (self, &node.value) {
            (Self::Boolean, Value::String(word)) => match word.to_ascii_lowercase().as_str() {
                "yes" | "on" | "true" => Some("write true, without quotes".to_owned()),
                "no" | "off" | "false" => Some("write false, without quotes".to_owned()),
                _ => None,
            },
            (Self::Integer { .. } | Self::Number { .. }, Value::String(text)) => {
                text.parse::<f64>().is_ok().then(|| "write it without quotes".to_owned())
            }
            (Self::Duration, Value::Number(number)) => {
                Some(format!("write {number}s for seconds or {number}m for minutes"))
            }
            (Self::Text | Self::Id(_) | Self::OneOrList(_), Value::Number(_) | Value::Bool(_)) => {
                Some("put it in quotes".to_owned())
            }
            (Self::Map(..) | Self::Record(_) | Self::Templates, Value::Sequence(_)) => {
                Some("write `name: value` without dashes".to_owned())
            }
            (Self::List(_), Value::Mapping(_)) => Some("begin each entry with a dash".to_owned()),
            (Self::Schema, _) => Some("write a mapping such as { type: string }".to_owned()),
            _ => None,
        }
    }
}

impl Entry {
    /// Says what to add where the key is missing.
    pub(super) fn advice(&self) -> String {
        let doc = self.doc.trim_end_matches('.');
        let mut chars = doc.chars();
        let first = chars.next().map(|first| first.to_ascii_lowercase()).into_iter();
        format!("add `{}`: {}", self.key, first.chain(chars).collect::<String>())
    }
}

impl Record {
    /// Tells whether a key that does not exist, and is reported as such, was probably meant to be this one.
    pub(crate) fn is_misspelt(&self, node: &Node, key: &str) -> bool {
        !self.open && self.misspelling(node, key).is_some()
    }

    /// Finds the key that does not exist and was probably meant to be this one.
    pub(super) fn misspelling<'a>(&self, node: &'a Node, key: &str) -> Option<&'a Key> {
        let Value::Mapping(entries) = &node.value else { return None };
        let mut known: Vec<&str> = self.keys().map(|entry| entry.key).collect();
        known.sort_unstable();
        let unknown = |name: &&Key| !known.contains(&name.text.as_str());
        entries.iter().map(|(name, _)| name).filter(unknown).find(|name| closest(&name.text, &known) == Some(key))
    }

    /// Tells whether an entry of a mapping of such records is rather a key of one of them, which is not indented as
    /// far as it should be.
    pub(crate) fn is_misplaced(&self, name: &str, value: &Node) -> bool {
        let has = |name: &str| self.keys().any(|entry| entry.key == name);
        let is_record =
            matches!(&value.value, Value::Mapping(entries) if entries.iter().any(|(key, _)| has(&key.text)));
        !self.open && has(name) && !is_record
    }
}
