//! `concurrency:`: which runs of a pipeline do not run side by side.

use crate::decode::word_at;
use crate::diagnostic::Problems;
use crate::expression::{Names, Template};
use crate::shape::{Record, Shape, closed, optional, required};
use crate::yaml::Node;

pub(super) static CONCURRENCY: Record = closed(
    "concurrency",
    "Runs of one group do not run side by side.",
    &[
        required("group", Shape::Template, "Name of the group: runs that give the same text are of one group."),
        optional("on_conflict", Shape::Word(&OnConflict::NAMES), "What a new run does while another one runs."),
    ],
);

/// A group of runs of which one at a time runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Concurrency {
    /// Name of the group.
    pub group: Template,
    /// What a new run does while another one runs.
    pub on_conflict: OnConflict,
}

/// What a new run does while another one of its group runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// It waits.
    #[default]
    Queue,
    /// It cancels the other one.
    CancelRunning,
    /// It does not start.
    Reject,
}

impl OnConflict {
    const NAMES: [&'static str; 3] = ["queue", "cancel_running", "reject"];

    fn from_word(word: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .zip([Self::Queue, Self::CancelRunning, Self::Reject])
            .find(|(name, _)| **name == word)
            .map(|(_, found)| found)
    }
}

impl Concurrency {
    pub(super) fn decode(node: &Node, names: &Names<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let group = Template::parse(node.get("group")?, names, problems);
        Some(Self { group, on_conflict: word_at(node, "on_conflict", OnConflict::from_word).unwrap_or_default() })
    }
}
