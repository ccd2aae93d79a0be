//! Who has to agree before an item takes a transition: `approval_chain:` and `require_approval:`.

use std::time::Duration;

use super::approval::Approver;
use super::assignment::{APPROVER, decode_approver, decode_approvers};
use super::condition::{CONDITIONS, Condition};
use super::escalation::{self, Escalation};
use super::message::Message;
use super::words::Words;
use crate::decode::{Located, duration_at, items, number_at, scalar_at};
use crate::diagnostic::Problems;
use crate::shape::{Record, Shape, open, optional};
use crate::yaml::{Node, Value};

pub(super) static CHAIN: Record = open(
    "approval chain",
    "Levels of people who have to agree, one level after the other.",
    &[
        optional("chain", Shape::List(&Shape::Record(&LEVEL)), "The levels."),
        optional(
            "escalation",
            Shape::List(&Shape::Record(&escalation::ESCALATION)),
            "What happens while nobody answers, by how long that has been.",
        ),
    ],
);

static LEVEL: Record = open(
    "approval level",
    "People who have to agree before the next level is asked.",
    &[
        optional(
            "level",
            Shape::Integer { min: 0, max: 1_000 },
            "Which level this is; levels are asked in ascending order.",
        ),
        optional("name", Shape::Scalar, "Name for people."),
        optional("assignments", Shape::List(&APPROVER), "Who is asked."),
        optional(
            "required",
            Shape::Scalar,
            "How many have to agree: any, all or a number; all where nothing is given.",
        ),
        optional("parallel", Shape::List(&Shape::Record(&GROUP)), "Groups that are asked side by side."),
        optional("logic", Shape::Scalar, "Whether all groups have to agree (AND) or one of them (OR)."),
        optional("timeout", Shape::Duration, "How long they have."),
        optional("conditions", CONDITIONS, "The level is left out where these do not hold."),
        optional("metadata", Shape::Record(&ASKED), "What they are told."),
    ],
);

static GROUP: Record = open(
    "approval group",
    "People who are asked beside other groups of the same level.",
    &[
        optional("group", Shape::Scalar, "Name for people."),
        optional("assignments", Shape::List(&APPROVER), "Who is asked."),
        optional(
            "required",
            Shape::Scalar,
            "How many have to agree: any, all or a number; all where nothing is given.",
        ),
    ],
);

static ASKED: Record = open(
    "approval metadata",
    "What people are told who have to agree.",
    &[
        optional("message", Shape::Scalar, "What they are asked."),
        optional("urgency", Shape::Scalar, "How urgent it is."),
    ],
);

/// An approval that a transition needs.
pub(super) const REQUIRED: Shape =
    Shape::Either(&[Shape::Boolean, Shape::OneOrList(&Shape::Either(&[Shape::Text, Shape::Record(&REQUIREMENT)]))]);

static REQUIREMENT: Record = open(
    "required approval",
    "Somebody who has to agree before the transition is taken.",
    &[
        optional("assignment", APPROVER, "Who has to agree."),
        optional("metadata", Shape::Record(&ASKED), "What they are told."),
    ],
);

/// Levels of people who have to agree.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalChain {
    /// The levels, in the order in which they are asked.
    pub levels: Vec<ApprovalLevel>,
    /// What happens while nobody answers, earliest first.
    pub escalations: Vec<Escalation>,
}

/// People who have to agree before the next level is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalLevel {
    /// Name for people.
    pub name: String,
    /// The groups that are asked side by side; one for a level that is not split.
    pub groups: Vec<ApprovalGroup>,
    /// Whether one group that agrees is enough.
    pub any_group: bool,
    /// How long they have.
    pub timeout: Option<Duration>,
    /// The level is left out where this does not hold.
    pub condition: Condition,
    /// What they are asked.
    pub message: Option<Message>,
}

/// People of whom some or all have to agree.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalGroup {
    /// Name for people.
    pub name: Option<String>,
    /// Who is asked, and where they are named.
    pub approvers: Vec<Located<Approver>>,
    /// How many have to agree.
    pub quorum: Quorum,
}

/// How many have to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quorum {
    /// One person of any of the roles and users named.
    Any,
    /// One person for each of the roles and users named.
    All,
    /// This many people.
    Count(u32),
}

/// Somebody who has to agree before a transition is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct RequiredApproval {
    /// Who; whoever may approve at all where nobody is named.
    pub approver: Option<Located<Approver>>,
    /// What they are asked.
    pub message: Option<Message>,
    /// How urgent it is, in the writer's word.
    pub urgency: Option<String>,
}

static LOGIC: Words<bool> =
    Words { what: "a logic", words: &[("AND", false), ("OR", true), ("and", false), ("or", true)] };

impl ApprovalChain {
    pub(super) fn decode(node: &Node, problems: &mut Problems<'_>) -> Self {
        let decode = |(position, node)| {
            (number_at(node, "level").unwrap_or(position), ApprovalLevel::decode(position, node, problems))
        };
        let mut levels: Vec<(i64, ApprovalLevel)> = (1..).zip(items(node.get("chain"))).map(decode).collect();
        levels.sort_by_key(|(level, _)| *level);
        Self {
            levels: levels.into_iter().map(|(_, level)| level).collect(),
            escalations: Escalation::decode_all(node.get("escalation"), problems),
        }
    }
}

impl ApprovalLevel {
    fn decode(position: i64, node: &Node, problems: &mut Problems<'_>) -> Self {
        let parallel = items(node.get("parallel"));
        let groups = if parallel.is_empty() { std::slice::from_ref(node) } else { parallel };
        Self {
            name: scalar_at(node, "name").unwrap_or_else(|| format!("Level {position}")),
            groups: groups.iter().map(|node| ApprovalGroup::decode(node, problems)).collect(),
            any_group: LOGIC.read(node.get("logic"), problems).unwrap_or_default(),
            timeout: duration_at(node, "timeout"),
            condition: Condition::decode(node.get("conditions"), problems),
            message: message(node, problems),
        }
    }
}

impl ApprovalGroup {
    fn decode(node: &Node, problems: &mut Problems<'_>) -> Self {
        Self {
            name: scalar_at(node, "group"),
            approvers: decode_approvers(node.get("assignments"), problems),
            quorum: Quorum::decode(node, problems),
        }
    }
}

impl Quorum {
    const WORDS: Words<Self> = Words { what: "a number of people", words: &[("all", Self::All), ("any", Self::Any)] };

    /// All have to agree where nothing is said, and where it is said in a word that nobody knows.
    fn decode(node: &Node, problems: &mut Problems<'_>) -> Self {
        match number_at(node, "required") {
            Some(count) => Self::Count(count),
            None => Self::WORDS.read(node.get("required"), problems).unwrap_or(Self::All),
        }
    }
}

impl RequiredApproval {
    /// Reads `require_approval: […]`, or `true` for whoever may approve.
    pub(super) fn decode_all(node: Option<&Node>, problems: &mut Problems<'_>) -> Vec<Self> {
        let decode = |node: &Node| match &node.value {
            Value::Bool(asked) => asked.then(Self::anybody),
            Value::String(_) => Some(Self { approver: Some(decode_approver(node, problems)), ..Self::anybody() }),
            _ => Some(Self {
                approver: node.get("assignment").map(|node| decode_approver(node, problems)),
                message: message(node, problems),
                urgency: node.get("metadata").and_then(|node| scalar_at(node, "urgency")),
            }),
        };
        items(node).iter().filter_map(decode).collect()
    }

    /// Returns one that whoever may approve can give.
    pub(super) fn anybody() -> Self {
        Self { approver: None, message: None, urgency: None }
    }
}

fn message(node: &Node, problems: &mut Problems<'_>) -> Option<Message> {
    node.get("metadata")?.get("message").and_then(|node| Message::decode(node, problems))
}
