//! `inbound_email.yaml`: addresses whose mail becomes items. It is checked and kept; nothing receives mail yet.

use super::lenient::{FLAG, flag_at, flattened, located, located_at};
use crate::decode::{Located, items, scalar_at};
use crate::diagnostic::Problems;
use crate::shape::{Entry, Record, Shape, open, optional};
use crate::yaml::Node;

/// A file of addresses.
pub(super) static FILE: Record = open(
    "an inbound e-mail file",
    "Addresses whose mail becomes items. Nothing receives mail yet.",
    &[
        optional("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        optional("inbound_email", INBOUND_OR_ANY, "The addresses."),
        ENABLED,
        MAPPINGS,
        TEMPLATES_PATH,
    ],
);

const INBOUND_OR_ANY: Shape = Shape::Either(&[Shape::Record(&INBOUND), Shape::Any]);
const MAPPING_LIST: Shape = Shape::Either(&[Shape::List(&MAPPING_OR_ANY), Shape::Any]);
const MAPPING_OR_ANY: Shape = Shape::Either(&[Shape::Record(&MAPPING), Shape::Any]);

static INBOUND: Record =
    open("inbound e-mail", "Addresses whose mail becomes items.", &[ENABLED, MAPPINGS, TEMPLATES_PATH]);

const ENABLED: Entry = optional("enabled", FLAG, "Whether mail is received.");
const MAPPINGS: Entry = optional("mappings", MAPPING_LIST, "One address each.");
const TEMPLATES_PATH: Entry = optional("templates_path", Shape::Scalar, "The folder of the answers, below .kiket/.");

static MAPPING: Record = open(
    "mapping",
    "An address, and what becomes of its mail.",
    &[
        optional("email_address", Shape::Scalar, "The address, or the part before the @."),
        optional("description", Shape::Scalar, "What it is for."),
        optional("sender_policy", Shape::Scalar, "Who may write: open, known_users or known_domains."),
        optional("issue_defaults", DEFAULTS, "The item that a mail makes."),
        optional("case_defaults", DEFAULTS, "The item that a mail makes, under its other name."),
        optional("auto_reply", FLAG, "Whether it is answered."),
        optional("auto_reply_template", Shape::Scalar, "With what."),
    ],
);

const DEFAULTS: Shape = Shape::Either(&[Shape::Record(&MADE), Shape::Any]);

static MADE: Record = open(
    "the item of a mail",
    "The item that a mail makes.",
    &[
        optional("issue_type", Shape::Scalar, "Its type."),
        optional("case_type", Shape::Scalar, "Its type, under its other name."),
        optional("priority", Shape::Scalar, "Its priority."),
        optional("labels", Shape::Any, "Its labels."),
    ],
);

/// Addresses whose mail becomes items, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundEmailDefinition {
    /// Whether mail is received.
    pub enabled: bool,
    /// The addresses.
    pub mappings: Vec<MailMapping>,
}

/// An address, and what becomes of its mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailMapping {
    /// The address, or the part before the `@`.
    pub address: Located<String>,
    /// Who may write, as written.
    pub sender_policy: Option<String>,
    /// The type of the item.
    pub item_type: Option<Located<String>>,
    /// The priority of the item.
    pub priority: Option<String>,
}

impl InboundEmailDefinition {
    pub(super) fn decode(node: &Node, problems: &mut Problems<'_>) -> Self {
        FILE.check(node, problems);
        let node = &flattened(node, &["inbound_email"]);
        let mappings = items(node.get("mappings")).iter().filter_map(MailMapping::decode).collect();
        Self { enabled: flag_at(node, "enabled").unwrap_or(true), mappings }
    }
}

impl MailMapping {
    fn decode(node: &Node) -> Option<Self> {
        let made = node.get("issue_defaults").or(node.get("case_defaults")).unwrap_or(node);
        Some(Self {
            address: located(node).or_else(|| located_at(node, &["email_address", "address", "email"]))?,
            sender_policy: scalar_at(node, "sender_policy"),
            item_type: located_at(made, &["issue_type", "case_type", "item_type", "type"]),
            priority: scalar_at(made, "priority"),
        })
    }
}
