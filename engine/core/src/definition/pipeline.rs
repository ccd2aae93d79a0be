//! `pipelines/<id>.yaml`: a DAG of stages, what starts it and what it takes and gives.

use std::time::Duration;

use super::concurrency::{self, Concurrency};
use super::input::{self, InputDefinition};
use super::stage::{self, StageDefinition};
use super::trigger::{self, Triggers};
use crate::decode::{Located, duration_at, entries, text_at, word_at};
use crate::diagnostic::{Code, Problems};
use crate::expression::{Names, Template};
use crate::shape::{IdRule, Keys, Record, Shape, closed, optional, refused, required};
use crate::yaml::Node;

/// The names that expressions of a pipeline can use.
const NAMES: [&str; 9] = ["inputs", "stages", "git", "project", "env", "actor", "event", "run", "attempt"];

/// Most stages of one pipeline: those under `finally` and every combination of a matrix included.
pub const MAX_STAGES: usize = 1_000;

/// A pipeline file.
pub(super) static FILE: Record = closed(
    "a pipeline file",
    "A pipeline: a graph of stages that runs to an end.",
    &[
        required("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        required("pipeline", Shape::Record(&HEAD), "What the pipeline is, what starts it and what it takes."),
        required("stages", Shape::Map(&STAGES, &Shape::Record(&stage::STAGE)), "The stages by their ids."),
        optional(
            "finally",
            Shape::Map(&STAGES, &Shape::Record(&stage::STAGE)),
            "Stages that run after all others, whatever came of them, and after compensation.",
        ),
        optional("outputs", Shape::Templates, "What a run gives: names with values."),
    ],
);

static STAGES: Keys = Keys { name: "stage", rule: Some(IdRule::Stage), required: true };

static HEAD: Record = closed(
    "the pipeline",
    "What a pipeline is, what starts it and what it takes.",
    &[
        required("id", Shape::Id(IdRule::Definition), "The id: the name of the file without its ending."),
        optional("name", Shape::Text, "Name for people; the id where none is given."),
        optional("description", Shape::Text, "What it is for."),
        optional("on", trigger::ON, "What starts a run besides a person and the API."),
        optional(
            "inputs",
            Shape::Map(&input::INPUTS, &Shape::Schema),
            "A JSON Schema for each value that a run takes.",
        ),
        refused("concurrency", Shape::Record(&concurrency::CONCURRENCY), "Runs of one group do not run side by side."),
        optional("timeout", Shape::Duration, "How long a run may take in all."),
        optional("priority", Shape::Word(&Priority::NAMES), "How its work ranks among that of other runs."),
    ],
);

/// A pipeline as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineDefinition {
    /// The id, and where it stands.
    pub id: Located<String>,
    /// Name for people; the id where none is given.
    pub name: String,
    /// What starts it besides a person and the API.
    pub on: Triggers,
    /// What a run takes.
    pub inputs: Vec<InputDefinition>,
    /// Which runs do not run side by side.
    pub concurrency: Option<Concurrency>,
    /// How long a run may take in all.
    pub timeout: Option<Duration>,
    /// How its work ranks among that of other runs.
    pub priority: Priority,
    /// The stages, in the order of the file.
    pub stages: Vec<StageDefinition>,
    /// The stages that run after all others, whatever came of them.
    pub finally: Vec<StageDefinition>,
    /// What a run gives.
    pub outputs: Vec<(String, Template)>,
    /// The ids of stages that could not be read; what is wrong with them was reported.
    pub unreadable: Vec<String>,
}

/// How work ranks: lower first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Priority {
    /// Before everything else.
    Critical,
    /// Before the ordinary.
    High,
    /// The ordinary.
    #[default]
    Normal,
    /// After the ordinary.
    Low,
    /// When nothing else waits.
    Background,
}

impl Priority {
    const NAMES: [&'static str; 5] = ["critical", "high", "normal", "low", "background"];
    const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Normal, Self::Low, Self::Background];

    /// Returns the priority that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::NAMES.iter().zip(Self::ALL).find(|(name, _)| **name == word).map(|(_, priority)| priority)
    }
}

impl PipelineDefinition {
    pub(super) fn decode(node: &Node, path: &str, problems: &mut Problems<'_>) -> Option<Self> {
        FILE.check(node, problems);
        let head = node.get("pipeline")?;
        let id = head.get("id").and_then(Located::text)?;
        let stem = path.rsplit('/').next().and_then(|file| file.rsplit_once('.')).map_or(path, |(stem, _)| stem);
        if path.starts_with("pipelines/") && stem != id.value && IdRule::Definition.allows(&id.value) {
            let message = format!("the pipeline is called \"{}\" and its file \"{stem}\"", id.value);
            problems.report_with_hint(Code::InvalidId, id.span, message, "give both the same name");
        }
        let ids = |section: &str| entries(node.get(section)).map(|(key, _)| key.text.as_str());
        let names = Names::of(&NAMES)
            .with_members("stages", ids("stages").chain(ids("finally")))
            .with_members("inputs", entries(head.get("inputs")).map(|(key, _)| key.text.as_str()));
        let decode = |section: &str, problems: &mut Problems<'_>| -> Vec<StageDefinition> {
            let decode = |(key, node)| StageDefinition::decode(key, node, &names, problems);
            entries(node.get(section)).filter_map(decode).collect()
        };
        let stages = decode("stages", problems);
        let finally = decode("finally", problems);
        let is_read = |id: &str| stages.iter().chain(&finally).any(|stage| stage.id.value == id);
        let unreadable = ids("stages").chain(ids("finally")).filter(|id| !is_read(id)).map(str::to_owned).collect();
        Some(Self {
            name: text_at(head, "name").unwrap_or(&id.value).to_owned(),
            on: head.get("on").map(|node| Triggers::decode(node, problems)).unwrap_or_default(),
            inputs: InputDefinition::decode_all(head.get("inputs"), problems),
            concurrency: head.get("concurrency").and_then(|node| Concurrency::decode(node, &names, problems)),
            timeout: duration_at(head, "timeout"),
            priority: word_at(head, "priority", Priority::from_word).unwrap_or_default(),
            stages,
            finally,
            outputs: Template::parse_entries(node.get("outputs"), &names, problems),
            unreadable,
            id,
        })
    }
}
