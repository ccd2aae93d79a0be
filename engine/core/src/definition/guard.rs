//! `guards:` of a transition: plugins that are asked whether it may be taken.

use super::retry;
use super::stage::CallDefinition;
use crate::decode::{Located, entries, items};
use crate::diagnostic::{Code, Problems};
use crate::expression::Names;
use crate::shape::{Record, Shape, closed, open, optional, required};
use crate::yaml::Node;

pub(super) const GUARDS: Shape = Shape::OneOrList(&Shape::Tagged {
    keys: &["uses"],
    then: &Shape::Record(&GUARD),
    otherwise: &Shape::Record(&EXTENSION),
});

static GUARD: Record = closed(
    "guard",
    "A plugin's guard, which says whether the transition may be taken.",
    &[
        required("uses", Shape::Text, "The plugin and its guard: freeze-calendar, policy/check, ./tools/risk.wasm."),
        optional("with", Shape::Templates, "The guard's input."),
        optional("env", Shape::Templates, "Plain values for the guard."),
        optional("timeout", Shape::Duration, "How long one attempt may take, host calls included."),
        optional("retry", Shape::Record(&retry::RETRY), "What happens after an attempt that failed."),
    ],
);

static EXTENSION: Record = open(
    "extension guard",
    "One of Kiket's extensions, which is asked whether the transition may be taken.",
    &[
        optional("type", Shape::Scalar, "extension."),
        optional("id", Shape::Text, "The extension."),
        optional("extension", Shape::Text, "The same as id."),
        optional("check", Shape::Any, "What it is asked."),
        optional("params", Shape::Any, "With what."),
        optional("on_fail", Shape::Any, "What people are told."),
    ],
);

/// Somebody that is asked whether a transition may be taken.
#[derive(Debug, Clone, PartialEq)]
pub enum GuardDefinition {
    /// A plugin of ours.
    Uses(Box<CallDefinition>),
    /// One of Kiket's extensions. It is not installed, and what cannot be asked refuses.
    Extension {
        /// The extension, and where it is named.
        id: Located<String>,
    },
}

impl GuardDefinition {
    pub(super) fn decode_all(node: Option<&Node>, names: &Names<'_>, problems: &mut Problems<'_>) -> Vec<Self> {
        items(node).iter().filter_map(|node| Self::decode(node, names, problems)).collect()
    }

    fn decode(node: &Node, names: &Names<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let place = entries(Some(node)).next().map(|(key, _)| key.span)?;
        if node.get("uses").is_some() {
            let call = CallDefinition::decode(node, place, names, problems)?;
            return Some(Self::Uses(Box::new(CallDefinition { asks_guard: true, ..call })));
        }
        let id = node.get("id").or_else(|| node.get("extension")).and_then(Located::text);
        let id = id.unwrap_or_else(|| Located { value: String::new(), span: place });
        let message =
            format!("extension \"{:.80}\" is not installed, and a guard that cannot be asked refuses", id.value);
        let hint = "ask a plugin: guards: [{ uses: … }]";
        problems.report_with_hint(Code::NotInstalled, id.span, message, hint);
        Some(Self::Extension { id })
    }
}
