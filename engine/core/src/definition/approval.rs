//! `approval:`: a stage that waits until people have agreed.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decode::{Located, duration_at, items, number_at};
use crate::diagnostic::{Code, Problems};
use crate::expression::{Names, Template};
use crate::shape::{Record, Shape, closed, optional};
use crate::yaml::Node;

pub(super) static APPROVAL: Record = closed(
    "approval",
    "Waits until people have agreed.",
    &[
        optional(
            "approvers",
            Shape::List(&Shape::Record(&APPROVER)),
            "Who may agree; whoever may approve at all where nobody is named.",
        ),
        optional("required", Shape::Integer { min: 1, max: 100 }, "How many have to agree; 1 where none is given."),
        optional("deadline", Shape::Duration, "How long they have; for ever where none is given."),
        optional("message", Shape::Template, "What they are asked."),
    ],
);

static APPROVER: Record = closed(
    "approver",
    "Somebody who may agree: everybody in a role, or one user.",
    &[optional("role", Shape::Text, "A role of the project."), optional("user", Shape::Text, "A user.")],
);

/// An approval as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalDefinition {
    /// Who may agree, and where they are named.
    pub approvers: Vec<Located<Approver>>,
    /// How many have to agree.
    pub required: u32,
    /// How long they have.
    pub deadline: Option<Duration>,
    /// What they are asked.
    pub message: Template,
}

/// Somebody who may agree.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Approver {
    /// Everybody in a role.
    Role(String),
    /// One user.
    User(String),
}

impl ApprovalDefinition {
    pub(super) fn decode(node: &Node, names: &Names<'_>, problems: &mut Problems<'_>) -> Self {
        let mut approvers = Vec::new();
        for node in items(node.get("approvers")) {
            match (node.get("role").and_then(Located::text), node.get("user").and_then(Located::text)) {
                (Some(role), None) => approvers.push(Located { value: Approver::Role(role.value), span: role.span }),
                (None, Some(user)) => approvers.push(Located { value: Approver::User(user.value), span: user.span }),
                _ => {
                    let message = "an approver is either a role or a user";
                    problems.report_with_hint(
                        Code::InvalidValue,
                        node.span,
                        message,
                        "write { role: release_manager } or { user: ada }",
                    );
                }
            }
        }
        let message = node.get("message").map(|node| Template::parse(node, names, problems));
        Self {
            approvers,
            required: number_at(node, "required").unwrap_or(1),
            deadline: duration_at(node, "deadline"),
            message: message.unwrap_or_else(|| Template::Literal("".into())),
        }
    }
}
