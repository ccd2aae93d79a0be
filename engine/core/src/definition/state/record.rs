//! What a state of a workflow may look like.

use super::approval;
use crate::definition::action::ACTIONS;
use crate::definition::chain::REQUIRED;
use crate::definition::checklist;
use crate::definition::condition::CONDITIONS;
use crate::definition::sla;
use crate::shape::{Keys, Record, Shape, checked, open, optional};

/// The states of a workflow: a mapping by their ids, or a list of ids, of mappings of one key and of mappings with ids.
pub(in crate::definition) const STATES: Shape = Shape::Either(&[
    Shape::List(&Shape::Either(&[
        Shape::Text,
        Shape::Tagged { keys: &["id", "key"], then: &Shape::Record(&STATE), otherwise: &BY_ID },
    ])),
    BY_ID,
]);

const BY_ID: Shape = Shape::Map(&KEYS, &Shape::Either(&[Shape::Nothing, Shape::Record(&STATE)]));

static KEYS: Keys = Keys { name: "state", rule: None, required: true };

static STATE: Record = open(
    "state",
    "One state of a workflow.",
    &[
        optional("id", Shape::Text, "In a list: the id."),
        optional("key", Shape::Text, "In a list: the same as id."),
        optional("type", Shape::Scalar, "initial, active, final or gateway; active where none is given."),
        optional("category", Shape::Scalar, "What it counts as: pending, active, review, completed, blocked."),
        optional("metadata", Shape::Record(&METADATA), "How it looks."),
        optional("name", Shape::Scalar, "The same as metadata.label."),
        optional("label", Shape::Scalar, "The same as metadata.label."),
        optional("color", Shape::Scalar, "The same as metadata.color."),
        optional("icon", Shape::Scalar, "The same as metadata.icon."),
        optional("description", Shape::Scalar, "The same as metadata.description."),
        checked("wip_limit", Shape::Integer { min: 1, max: 100_000 }, "How many items may be in the state."),
        checked("sla", sla::SLA, "How long an item may stay in the state."),
        optional("approval", Shape::Record(&approval::APPROVAL), "Who has to agree before an item leaves the state."),
        optional("require_approval", REQUIRED, "Who has to agree before an item leaves the state."),
        optional(
            "checklist",
            Shape::Record(&checklist::CHECKLIST),
            "What has to be done, where a transition asks for it.",
        ),
        optional("on_enter", ACTIONS, "What is done when an item enters the state."),
        optional("on_exit", ACTIONS, "What is done when an item leaves the state."),
        checked("on_complete", ACTIONS, "What is done when the state's work is complete."),
        optional("on_sla_warning", ACTIONS, "What is done at the warning of every rule of sla."),
        optional("on_sla_breach", ACTIONS, "What is done at the breach of every rule of sla."),
        optional("conditions", CONDITIONS, "What has to hold of an item that enters the state."),
        checked("auto_assign", Shape::Any, "Who takes an item that enters the state."),
        checked("required_documents", Shape::Any, "Documents that an item has to have."),
    ],
);

static METADATA: Record = open(
    "state metadata",
    "How a state looks.",
    &[
        optional("label", Shape::Scalar, "Name for people; the id where none is given."),
        optional("color", Shape::Scalar, "Color: primary, secondary, success, danger, warning, info."),
        optional("icon", Shape::Scalar, "Icon: a name or a sign."),
        optional("description", Shape::Scalar, "What it means that an item is in the state."),
    ],
);
