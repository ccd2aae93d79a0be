//! `pipelines/<id>.yaml`: a DAG of stages, what starts it and what it takes and gives.

use std::time::Duration;

use super::{InputDefinition, StageDefinition, Triggers};
use crate::decode::{self, Fields, IdRule, Located};
use crate::diagnostic::{Code, Problems};
use crate::expression::Template;
use crate::yaml::{Node, Value};

/// The names that expressions of a pipeline can use.
pub(crate) const NAMES: [&str; 9] = ["inputs", "stages", "git", "project", "env", "actor", "event", "run", "attempt"];

/// Most stages of one pipeline, those under `finally` included.
pub(super) const MAX_STAGES: usize = 1_000;

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
    const WORDS: [(&'static str, Self); 5] = [
        ("critical", Self::Critical),
        ("high", Self::High),
        ("normal", Self::Normal),
        ("low", Self::Low),
        ("background", Self::Background),
    ];

    /// Returns the priority that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(name, _)| *name == word).map(|(_, priority)| *priority)
    }
}

impl PipelineDefinition {
    pub(super) fn decode(node: &Node, path: &str, problems: &mut Problems<'_>) -> Option<Self> {
        let mut root = Fields::of(node, "a pipeline file", problems)?;
        root.optional("model_version");
        let head = root.required("pipeline", problems).and_then(|node| Fields::of(node, "the pipeline", problems));
        let stages = root.required("stages", problems);
        let finally = root.optional("finally");
        let outputs =
            root.optional("outputs").map(|node| named_templates(node, "outputs", problems)).unwrap_or_default();
        root.finish(problems);

        let mut head = head?;
        let id = head.required("id", problems);
        let name = head.optional("name").and_then(|node| decode::text(node, "a name", problems));
        head.optional("description").and_then(|node| decode::text(node, "a description", problems));
        let on = head.optional("on").map(|node| Triggers::decode(node, problems)).unwrap_or_default();
        let inputs =
            head.optional("inputs").map(|node| InputDefinition::decode_all(node, problems)).unwrap_or_default();
        let timeout = head.optional("timeout").and_then(|node| decode::length_of_time(node, "timeout", problems));
        let priority =
            head.optional("priority").and_then(|node| decode::word(node, "priority", &Priority::WORDS, problems));
        head.not_supported(&["concurrency"], problems);
        head.finish(problems);

        let id =
            id.and_then(|node| Some(Located { value: decode::text(node, "an id", problems)?, span: node.span }))?;
        decode::check_id(&id.value, id.span, "a pipeline", IdRule::Definition, problems);
        let stem = path.rsplit('/').next().and_then(|file| file.rsplit_once('.')).map_or(path, |(stem, _)| stem);
        if path.starts_with("pipelines/") && stem != id.value {
            let message = format!("the pipeline is called \"{}\" and its file \"{stem}\"", id.value);
            problems.report_with_hint(Code::InvalidId, id.span, message, "give both the same name");
        }
        let stages = decode_stages(stages?, "stages", problems);
        let finally = finally.map(|node| decode_stages(node, "finally", problems)).unwrap_or_default();
        if stages.len() + finally.len() > MAX_STAGES {
            let message = format!("{} stages, and a pipeline has at most {MAX_STAGES}", stages.len() + finally.len());
            problems.report(Code::Budget, id.span, message);
        }
        Some(Self {
            name: name.unwrap_or_else(|| id.value.clone()),
            id,
            on,
            inputs,
            timeout,
            priority: priority.unwrap_or_default(),
            stages,
            finally,
            outputs,
        })
    }
}

fn decode_stages(node: &Node, section: &str, problems: &mut Problems<'_>) -> Vec<StageDefinition> {
    match &node.value {
        Value::Mapping(entries) if entries.is_empty() => {
            problems.report(Code::MissingKey, node.span, format!("\"{section}\" lists no stage"));
            Vec::new()
        }
        Value::Mapping(entries) => {
            let decode = |(key, node)| StageDefinition::decode(key, node, problems);
            entries.iter().map(|(key, node)| (key, node)).filter_map(decode).collect()
        }
        _ => {
            decode::wrong_type(section, "a mapping of stages", node, problems);
            Vec::new()
        }
    }
}

pub(super) fn named_templates(node: &Node, what: &str, problems: &mut Problems<'_>) -> Vec<(String, Template)> {
    match &node.value {
        Value::Mapping(entries) => {
            entries.iter().map(|(key, node)| (key.text.clone(), Template::parse(node, &NAMES, problems))).collect()
        }
        _ => {
            decode::wrong_type(what, "a mapping", node, problems);
            Vec::new()
        }
    }
}
