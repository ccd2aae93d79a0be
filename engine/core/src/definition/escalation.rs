//! `escalation:` of an approval chain: what happens while nobody answers.

use std::time::Duration;

use super::approval::Approver;
use super::assignment::{APPROVER, decode_approvers};
use super::words::Words;
use crate::decode::{Located, duration_at, items, scalar_at, texts};
use crate::diagnostic::Problems;
use crate::shape::{Record, Shape, open, optional, required};
use crate::yaml::Node;

pub(super) static ESCALATION: Record = open(
    "escalation",
    "What happens while nobody answers.",
    &[
        required("after", Shape::Duration, "How long the chain has waited by then."),
        optional("action", Shape::Scalar, "reminder, escalate, notify_executive or auto_approve."),
        optional("to", Shape::OneOrList(&APPROVER), "Who is told, and for escalate who may agree from then on."),
        optional("channels", Shape::OneOrList(&Shape::Text), "Where they are told: in_app, email, slack."),
        optional("reason", Shape::Scalar, "Why, for people."),
    ],
);

/// What happens while nobody answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Escalation {
    /// How long the chain has waited by then.
    pub after: Duration,
    /// What happens.
    pub action: EscalationAction,
    /// Who is told, and where they are named; those who are asked where nobody is named.
    pub to: Vec<Located<Approver>>,
    /// Where they are told.
    pub channels: Vec<String>,
    /// Why, for people.
    pub reason: Option<String>,
}

/// What happens while nobody answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EscalationAction {
    /// Those who are asked are told again.
    Reminder,
    /// Others may agree as well, and are told.
    Escalate,
    /// Others are told.
    Notify,
    /// The chain ends as if everybody had agreed.
    Approve,
}

static ACTIONS: Words<EscalationAction> = Words {
    what: "an escalation",
    words: &[
        ("reminder", EscalationAction::Reminder),
        ("escalate", EscalationAction::Escalate),
        ("notify_executive", EscalationAction::Notify),
        ("notify", EscalationAction::Notify),
        ("auto_approve", EscalationAction::Approve),
    ],
};

impl Escalation {
    pub(super) fn decode_all(node: Option<&Node>, problems: &mut Problems<'_>) -> Vec<Self> {
        let decode = |node: &Node| {
            Some(Self {
                after: duration_at(node, "after")?,
                action: ACTIONS.read(node.get("action"), problems).unwrap_or(EscalationAction::Reminder),
                to: decode_approvers(node.get("to"), problems),
                channels: texts(node.get("channels")).into_iter().map(|channel| channel.value).collect(),
                reason: scalar_at(node, "reason"),
            })
        };
        let mut found: Vec<Self> = items(node).iter().filter_map(decode).collect();
        found.sort_by_key(|escalation| escalation.after);
        found
    }
}
