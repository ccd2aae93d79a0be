//! One stage of a pipeline: what it does, with what, when, and what happens when it fails.

use std::time::Duration;

use super::approval::{self, ApprovalDefinition};
use super::matrix::{self, Matrix};
use super::retry::{self, Retry};
use crate::decode::{Located, boolean_at, duration_at, entry_at, texts, word_at};
use crate::diagnostic::{Code, Problems, Span};
use crate::expression::{Expression, Names, Template, parse_condition};
use crate::manifest::Effect;
use crate::shape::{Record, Shape, closed, optional, refused, required};
use crate::yaml::{Key, Node, Value};

pub(crate) static STAGE: Record = closed(
    "stage",
    "One node of the graph: a call of a plugin's action, an approval, or a run of another pipeline.",
    &[
        optional("name", Shape::Text, "Name for people."),
        optional(
            "uses",
            Shape::Text,
            "The plugin and its action: notify, deploy/rollback, ./tools/risk.wasm from the repository's root.",
        ),
        optional("with", Shape::Templates, "The action's input."),
        optional("env", Shape::Templates, "Plain values for the action."),
        optional("approval", Shape::Record(&approval::APPROVAL), "Waits until people have agreed."),
        refused("run", Shape::Either(&[Shape::Text, Shape::Record(&RUN)]), "Runs another pipeline, by its id."),
        optional("needs", Shape::OneOrList(&Shape::Text), "The stages that have to end first."),
        optional("when", Shape::Condition, "A condition; where it is false the stage is skipped."),
        optional("run_on", Shape::Word(&RunOn::NAMES), "What has to have come of the needs."),
        optional("allow_failure", Shape::Boolean, "Whether the run may succeed although this stage failed."),
        optional("timeout", Shape::Duration, "How long one attempt may take, host calls included."),
        optional("retry", Shape::Record(&retry::RETRY), "What happens after an attempt that failed."),
        optional("matrix", matrix::MATRIX, "Runs the stage once for every combination of values."),
        optional(
            "effect",
            Shape::Word(&Effect::NAMES),
            "What a crash in the middle means; it may only move the plugin's own class toward `once`.",
        ),
        optional("compensate", Shape::Record(&CALL), "What undoes the stage when the run fails later."),
    ],
);

static CALL: Record = closed(
    "compensate",
    "A call of a plugin's action.",
    &[
        required("uses", Shape::Text, "The plugin and its action."),
        optional("with", Shape::Templates, "The action's input."),
        optional("env", Shape::Templates, "Plain values for the action."),
        optional("timeout", Shape::Duration, "How long one attempt may take, host calls included."),
        optional("retry", Shape::Record(&retry::RETRY), "What happens after an attempt that failed."),
    ],
);

static RUN: Record = closed(
    "run",
    "A run of another pipeline.",
    &[required("pipeline", Shape::Text, "The pipeline's id."), optional("inputs", Shape::Templates, "Its inputs.")],
);

/// A stage as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct StageDefinition {
    /// The id, and where it stands.
    pub id: Located<String>,
    /// What it does.
    pub task: TaskDefinition,
    /// The stages that have to end first.
    pub needs: Vec<Located<String>>,
    /// A condition; where it is false the stage is skipped.
    pub when: Option<Expression>,
    /// What has to have come of the needs.
    pub run_on: RunOn,
    /// Whether the run may succeed although this stage failed.
    pub allow_failure: bool,
    /// The combinations it runs for.
    pub matrix: Option<Matrix>,
    /// The effect class it asks for, and where that stands.
    pub effect: Option<Located<Effect>>,
    /// What undoes it.
    pub compensate: Option<CallDefinition>,
}

/// What a stage does.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskDefinition {
    /// Calls an action.
    Call(CallDefinition),
    /// Waits for people.
    Approval(ApprovalDefinition),
    /// Runs another pipeline.
    Run {
        /// The pipeline's id, and where it stands.
        pipeline: Located<String>,
        /// Its inputs.
        inputs: Template,
    },
}

/// A call of a plugin's action as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct CallDefinition {
    /// The plugin and its action: `notify`, `deploy/rollback`, `./tools/risk.wasm`.
    pub uses: Located<String>,
    /// The action's input, as written.
    pub with: Node,
    /// The action's input.
    pub input: Template,
    /// Plain values for the action.
    pub env: Vec<(String, Template)>,
    /// How long one attempt may take, host calls included.
    pub timeout: Option<Duration>,
    /// What happens after an attempt that failed.
    pub retry: Retry,
    /// Whether it asks a guard and does not call an action.
    pub asks_guard: bool,
}

/// What has to have come of a stage's needs for it to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunOn {
    /// Every need succeeded, or failed where that is allowed.
    #[default]
    Success,
    /// Some stage before this one failed.
    Failure,
    /// All needs have ended, however.
    Always,
}

impl RunOn {
    const NAMES: [&'static str; 3] = ["success", "failure", "always"];

    fn from_word(word: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .zip([Self::Success, Self::Failure, Self::Always])
            .find(|(name, _)| **name == word)
            .map(|(_, found)| found)
    }
}

impl StageDefinition {
    pub(super) fn decode(key: &Key, node: &Node, names: &Names<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        if !matches!(node.value, Value::Mapping(_)) || STAGE.is_misplaced(&key.text, node) {
            return None;
        }
        let (place, matrix) = entry_at(node, "matrix").unzip();
        let matrix = place.zip(matrix).and_then(|(key, node)| Matrix::decode(key.span, node, problems));
        let own = matrix.as_ref().map(|matrix| names.clone().and("matrix").with_members("matrix", matrix.keys()));
        let names = own.as_ref().unwrap_or(names);
        let id = Located::key(key);
        let when = node.get("when").and_then(|node| parse_condition(node, names, problems));
        let task = decode_task(&id, node, names, problems);
        let compensate =
            node.get("compensate").and_then(|node| CallDefinition::decode(node, key.span, names, problems));
        let effect = node
            .get("effect")
            .and_then(|node| Some(Located { value: Effect::from_word(node.as_str()?)?, span: node.span }));
        Some(Self {
            id,
            task: task?,
            needs: texts(node.get("needs")),
            when,
            run_on: word_at(node, "run_on", RunOn::from_word).unwrap_or_default(),
            allow_failure: boolean_at(node, "allow_failure").unwrap_or_default(),
            matrix,
            effect,
            compensate,
        })
    }

    /// Returns the calls of the stage: its own and the one that undoes it.
    pub fn calls(&self) -> impl Iterator<Item = &CallDefinition> {
        let own = match &self.task {
            TaskDefinition::Call(call) => Some(call),
            TaskDefinition::Approval(_) | TaskDefinition::Run { .. } => None,
        };
        own.into_iter().chain(&self.compensate)
    }
}

fn decode_task(
    id: &Located<String>,
    node: &Node,
    names: &Names<'_>,
    problems: &mut Problems<'_>,
) -> Option<TaskDefinition> {
    let kinds = ["uses", "approval", "run"];
    let tasks: Vec<(&str, Span)> =
        kinds.into_iter().filter_map(|kind| Some((kind, entry_at(node, kind)?.0.span))).collect();
    let task = match tasks.as_slice() {
        [(task, _)] => *task,
        // What is misspelt was reported as a key that does not exist.
        [] if kinds.iter().any(|kind| STAGE.is_misspelt(node, kind)) => return None,
        [] => {
            let message = format!("stage \"{}\" does nothing: it has none of `uses`, `approval` and `run`", id.value);
            let hint = "write uses: with the name of a plugin, or approval: with who has to agree";
            problems.report_with_hint(Code::NotOneTask, id.span, message, hint);
            return None;
        }
        [(first, _), (second, span), ..] => {
            let message = format!("stage \"{}\" has both `{first}` and `{second}`, and can be only one", id.value);
            let hint = "make two stages of it, of which one needs the other";
            problems.report_with_hint(Code::NotOneTask, *span, message, hint);
            return None;
        }
    };
    if task != "uses" {
        for key in ["with", "env", "retry", "effect", "compensate", "timeout"] {
            let found = entry_at(node, key).filter(|_| task == "approval" || key != "timeout");
            if let Some((Key { span, .. }, _)) = found {
                let message = format!("stage \"{}\": \"{key}\" means nothing beside `{task}`", id.value);
                problems.report_with_hint(Code::InvalidValue, *span, message, "it belongs to a stage with `uses`");
            }
        }
    }
    match task {
        "approval" => {
            node.get("approval").map(|node| TaskDefinition::Approval(ApprovalDefinition::decode(node, names, problems)))
        }
        "run" => {
            let run = node.get("run")?;
            let pipeline = Located::text(run).or_else(|| run.get("pipeline").and_then(Located::text))?;
            let inputs = run.get("inputs").map(|node| Template::parse(node, names, problems));
            Some(TaskDefinition::Run { pipeline, inputs: inputs.unwrap_or_else(Template::empty) })
        }
        _ => CallDefinition::decode(node, id.span, names, problems).map(TaskDefinition::Call),
    }
}

impl CallDefinition {
    pub(super) fn decode(node: &Node, span: Span, names: &Names<'_>, problems: &mut Problems<'_>) -> Option<Self> {
        let names = &names.clone().and_secrets();
        let empty = Node { value: Value::Mapping(Vec::new()), span };
        let with = node.get("with").filter(|with| matches!(with.value, Value::Mapping(_))).cloned().unwrap_or(empty);
        Some(Self {
            uses: node.get("uses").and_then(Located::text)?,
            input: Template::parse(&with, names, problems),
            with,
            env: Template::parse_entries(node.get("env"), names, problems),
            timeout: duration_at(node, "timeout"),
            retry: node.get("retry").map(Retry::decode).unwrap_or_default(),
            asks_guard: false,
        })
    }

    /// Returns the path of the component where the call uses one of the repository's own.
    #[must_use]
    pub fn component_path(&self) -> Option<&str> {
        component_path(&self.uses.value)
    }
}

/// Returns the path below the repository's root that `./…` names, without an action behind it.
pub(crate) fn component_path(uses: &str) -> Option<&str> {
    let path = uses.strip_prefix("./")?;
    Some(path.find(".wasm/").map_or(path, |end| &path[..end + ".wasm".len()]))
}
