//! One stage of a pipeline: which action it calls, with what, and when.

use std::time::Duration;

use super::pipeline::{NAMES, named_templates};
use crate::decode::{self, Fields, IdRule, Located};
use crate::diagnostic::{Code, Problems, Span};
use crate::expression::{Expression, Template, parse_condition};
use crate::yaml::{Key, Node, Value};

/// A stage as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct StageDefinition {
    /// The id, and where it stands.
    pub id: Located<String>,
    /// The plugin and its action: `notify`, `deploy/rollback`, `./tools/risk.wasm`.
    pub uses: Located<String>,
    /// The action's input, as written.
    pub with: Node,
    /// The action's input.
    pub input: Template,
    /// Plain values for the action.
    pub env: Vec<(String, Template)>,
    /// The stages that have to end first.
    pub needs: Vec<Located<String>>,
    /// A condition; where it is false the stage is skipped.
    pub when: Option<Expression>,
    /// What has to have come of the needs.
    pub run_on: RunOn,
    /// Whether the run may succeed although this stage failed.
    pub allow_failure: bool,
    /// How long one attempt may take, host calls included.
    pub timeout: Option<Duration>,
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
    const WORDS: [(&'static str, Self); 3] =
        [("success", Self::Success), ("failure", Self::Failure), ("always", Self::Always)];
}

impl StageDefinition {
    pub(super) fn decode(key: &Key, node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        decode::check_id(&key.text, key.span, "a stage", IdRule::Stage, problems);
        let what = format!("stage \"{}\"", key.text);
        let mut fields = Fields::of(node, what.as_str(), problems)?;
        let later = ["approval", "run", "matrix", "retry", "effect", "compensate"];
        let is_later = ["approval", "run"].iter().any(|key| node.get(key).is_some());
        let uses = if is_later { fields.optional("uses") } else { fields.required("uses", problems) };
        fields.optional("name").and_then(|node| decode::text(node, "a name", problems));
        let with = fields.optional("with");
        let env = fields.optional("env").map(|node| named_templates(node, "env", problems)).unwrap_or_default();
        let needs = fields.optional("needs").map(|node| decode::texts(node, "needs", problems)).unwrap_or_default();
        let when = fields.optional("when").and_then(|node| condition(node, problems));
        let run_on = fields.optional("run_on").and_then(|node| decode::word(node, "run_on", &RunOn::WORDS, problems));
        let allow_failure =
            fields.optional("allow_failure").and_then(|node| decode::boolean(node, "allow_failure", problems));
        let timeout = fields.optional("timeout").and_then(|node| decode::length_of_time(node, "timeout", problems));
        fields.not_supported(&later, problems);
        fields.finish(problems);

        let empty = Node { value: Value::Mapping(Vec::new()), span: key.span };
        let with = with.cloned().unwrap_or(empty);
        if !matches!(with.value, Value::Mapping(_)) {
            decode::wrong_type("with", "a mapping", &with, problems);
        }
        let uses = uses?;
        Some(Self {
            id: Located { value: key.text.clone(), span: key.span },
            uses: Located { value: decode::text(uses, "uses", problems)?, span: uses.span },
            input: Template::parse(&with, &NAMES, problems),
            with,
            env,
            needs,
            when,
            run_on: run_on.unwrap_or_default(),
            allow_failure: allow_failure.unwrap_or_default(),
            timeout,
        })
    }

    /// Returns the path of the component where the stage uses one of the repository's own.
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

fn condition(node: &Node, problems: &mut Problems<'_>) -> Option<Expression> {
    match &node.value {
        Value::String(text) => parse_condition(text, node.span, &NAMES, problems),
        Value::Bool(value) => Expression::parse(if *value { "true" } else { "false" }).ok(),
        _ => {
            let span: Span = node.span;
            problems.report(
                Code::WrongType,
                span,
                format!("when has to be an expression, and this is {}", node.kind()),
            );
            None
        }
    }
}
