//! What stands with an action's name: the mapping around it, or, in the short form, the value behind it.

use crate::decode::Located;
use crate::yaml::{Node, Value};

/// An action's name and its parameters.
pub(super) struct Parameters<'n> {
    /// The name, and where it stands.
    pub(super) name: Located<String>,
    node: Option<&'n Node>,
}

impl<'n> Parameters<'n> {
    /// Finds the name of an action in any of its forms; `None` where there is none.
    pub(super) fn of(node: &'n Node) -> Option<Self> {
        if let Some(name) = Located::text(node) {
            return Some(Self { name, node: None });
        }
        if let Some(name) = node.get("action").or_else(|| node.get("type")) {
            return Some(Self { name: Located::text(name)?, node: Some(node) });
        }
        match &node.value {
            Value::Mapping(entries) => match entries.as_slice() {
                [(key, parameters)] => Some(Self { name: Located::key(key), node: Some(parameters) }),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the first of these parameters that is there.
    pub(super) fn get(&self, keys: &[&str]) -> Option<&'n Node> {
        let node = self.node?;
        keys.iter().filter_map(|key| node.get(key)).find(|node| node.value != Value::Null)
    }

    /// Returns the parameter `value`, which may be nothing.
    pub(super) fn value(&self) -> Option<&'n Node> {
        self.node?.get("value")
    }

    /// Returns what stands behind the name in the short form where it is no mapping: `transition: closed`.
    pub(super) fn alone(&self) -> Option<&'n Node> {
        self.node.filter(|node| !matches!(node.value, Value::Mapping(_) | Value::Null))
    }

    /// Returns the parameter that the action is about: what stands alone, or the first of these that is there.
    pub(super) fn main(&self, keys: &[&str]) -> Option<&'n Node> {
        self.alone().or_else(|| self.get(keys))
    }
}
