//! `approval:` of a state: who has to agree before an item leaves it.

use crate::decode::{Located, number_at, text_at};
use crate::definition::approval::Approver;
use crate::definition::assignment::{APPROVER, decode_approvers};
use crate::definition::chain::RequiredApproval;
use crate::definition::condition::{CONDITIONS, Condition};
use crate::diagnostic::Problems;
use crate::shape::{Record, Shape, checked, open, optional};
use crate::yaml::{Node, Value};

pub(super) static APPROVAL: Record = open(
    "state approval",
    "Who has to agree before an item leaves the state, except by a transition that is a rejection.",
    &[
        optional("required", Shape::Integer { min: 1, max: 100 }, "How many have to agree; 1 where nothing is given."),
        optional(
            "approvers",
            Shape::List(&APPROVER),
            "Who may agree; whoever may approve at all where nobody is named.",
        ),
        optional("conditions", CONDITIONS, "For which items; all of them where none is given."),
        optional("type", Shape::Scalar, "With chain: sequential, parallel or any."),
        optional("chain", Shape::List(&APPROVER), "Who has to agree, all of them unless type is any."),
        checked("conditional", Shape::Any, "For which items each one of the chain is asked."),
    ],
);

/// Who has to agree before an item leaves a state.
#[derive(Debug, Clone, PartialEq)]
pub struct StateApproval {
    /// How many have to agree, at least 1.
    pub required: u32,
    /// Who may agree, and where they are named; whoever may approve at all where nobody is named.
    pub approvers: Vec<Located<Approver>>,
    /// For which items.
    pub condition: Condition,
}

impl StateApproval {
    /// Reads `approval:` of a state, or `require_approval:`, where every entry has to agree.
    pub(super) fn decode(state: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        let Some(node) = state.get("approval").filter(|node| matches!(node.value, Value::Mapping(_))) else {
            let entries = RequiredApproval::decode_all(state.get("require_approval"), problems);
            let required = u32::try_from(entries.len()).ok().filter(|required| *required > 0)?;
            // One that names nobody can be given by anybody.
            let named: Option<Vec<_>> = entries.into_iter().map(|entry| entry.approver).collect();
            return Some(Self { required, approvers: named.unwrap_or_default(), condition: Condition::always() });
        };
        let chain = decode_approvers(node.get("chain"), problems);
        let all = if text_at(node, "type") == Some("any") { 1 } else { chain.len().max(1) };
        let mut approvers = decode_approvers(node.get("approvers"), problems);
        approvers.extend(chain);
        Some(Self {
            required: number_at(node, "required").unwrap_or(u32::try_from(all).unwrap_or(u32::MAX)),
            approvers,
            condition: Condition::decode(node.get("conditions"), problems),
        })
    }
}
