//! A JSON value whose texts are messages: the body of a webhook, the value of a field.

use serde_json::Value as Json;

use super::Message;
use crate::decode::Located;
use crate::diagnostic::Problems;
use crate::yaml::{Node, Value};

/// A JSON value with messages in it. Its depth is that of the YAML it was read from, 32 at most.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// A value without messages.
    Literal(Json),
    /// A text. A value alone in it keeps its type.
    Text(Message),
    /// A list.
    List(Vec<Payload>),
    /// A mapping, in the order of the file.
    Mapping(Vec<(String, Payload)>),
}

impl Payload {
    /// Reads a value; what is wrong with the messages in it is warned of.
    pub(crate) fn parse(node: &Node, problems: &mut Problems<'_>) -> Self {
        match &node.value {
            Value::String(text) => {
                let message = Message::parse(text, node.span, problems);
                match message.as_literal() {
                    Some(text) => Self::Literal(text.into()),
                    None => Self::Text(message),
                }
            }
            Value::Sequence(items) => Self::List(items.iter().map(|item| Self::parse(item, problems)).collect()),
            Value::Mapping(entries) => Self::Mapping(
                entries.iter().map(|(key, node)| (key.text.clone(), Self::parse(node, problems))).collect(),
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Literal(node.to_json()),
        }
    }

    /// Returns the canonical paths of all values in it, and where they stand.
    #[must_use]
    pub fn paths(&self) -> Vec<&Located<String>> {
        let mut found = Vec::new();
        let mut open = vec![self];
        while let Some(payload) = open.pop() {
            match payload {
                Self::Literal(_) => {}
                Self::Text(message) => found.extend(message.paths()),
                Self::List(items) => open.extend(items.iter().rev()),
                Self::Mapping(entries) => open.extend(entries.iter().rev().map(|(_, value)| value)),
            }
        }
        found
    }

    /// Computes the value; `value` returns what stands at a canonical path, null where there is nothing.
    #[must_use]
    pub fn render(&self, value: &dyn Fn(&str) -> Json) -> Json {
        match self {
            Self::Literal(literal) => literal.clone(),
            Self::Text(message) => message.evaluate(value),
            Self::List(items) => items.iter().map(|item| item.render(value)).collect(),
            Self::Mapping(entries) => {
                Json::Object(entries.iter().map(|(key, payload)| (key.clone(), payload.render(value))).collect())
            }
        }
    }
}
