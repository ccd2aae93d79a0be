//! Who an action is about: whom it tells, assigns or lets watch.

use crate::decode::{Located, items};
use crate::definition::message::Message;
use crate::definition::vocabulary::canonical_path;
use crate::diagnostic::Problems;
use crate::yaml::{Node, Value};

/// Somebody whom an action is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Person {
    /// A user by name, id or address; where no user is called so, the role that is.
    Named(Message),
    /// Everybody in a role, and where it is named.
    Role(Located<String>),
    /// Whoever a field of the item names: its canonical path, and where it stands.
    Field(Located<String>),
}

/// The item's own fields that name people.
const FIELDS: [&str; 3] = ["assignee", "reporter", "watchers"];

impl Person {
    /// Reads a user: a name, or the path of a field that names one.
    pub(super) fn user(node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        let text = Located::text(node)?;
        let written = text.value.trim();
        // Recipes say `current_assignee` where everything else says `assignee`.
        let path = if written == "current_assignee" { "assignee".to_owned() } else { canonical_path(written) };
        let is_field = FIELDS.contains(&path.as_str()) || written.contains('.') && path.starts_with("fields.");
        if is_field {
            return Some(Self::Field(Located { value: path, span: text.span }));
        }
        Message::decode(node, problems).map(Self::Named)
    }

    fn field(node: &Node) -> Option<Self> {
        let text = Located::text(node)?;
        Some(Self::Field(Located { value: canonical_path(&text.value), span: text.span }))
    }

    /// Reads `{user: …, roles: […], fields: […]}`, or a list of users and of such mappings.
    pub(super) fn decode_all(node: Option<&Node>, problems: &mut Problems<'_>) -> Vec<Self> {
        let mut people = Vec::new();
        for node in items(node) {
            if !matches!(node.value, Value::Mapping(_)) {
                people.extend(Self::user(node, problems));
                continue;
            }
            for key in ["user", "users"] {
                people.extend(items(node.get(key)).iter().filter_map(|node| Self::user(node, problems)));
            }
            for key in ["role", "roles"] {
                people.extend(items(node.get(key)).iter().filter_map(Located::text).map(Self::Role));
            }
            for key in ["field", "fields"] {
                people.extend(items(node.get(key)).iter().filter_map(Self::field));
            }
        }
        people
    }
}
