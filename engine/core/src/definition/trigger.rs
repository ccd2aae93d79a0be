//! `on:`: what starts a run besides a person and the API.

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::decode::{self, Fields};
use crate::diagnostic::{Code, Problems};
use crate::yaml::{Node, Value};

/// What starts runs of a pipeline.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Triggers {
    /// A push.
    pub push: Option<PushTrigger>,
}

/// Which pushes start a run: those to a branch that `branches` names, which change a
/// file that `paths` names. An absent list names everything.
#[derive(Debug, Clone, Default)]
pub struct PushTrigger {
    branches: Option<Patterns>,
    paths: Option<Patterns>,
}

#[derive(Debug, Clone)]
struct Patterns {
    texts: Vec<String>,
    globs: GlobSet,
}

impl Triggers {
    pub(super) fn decode(node: &Node, problems: &mut Problems<'_>) -> Self {
        // `on: push` and `on: [push]` mean the same as `on: { push: {} }`.
        if !matches!(node.value, Value::Mapping(_)) {
            let words = decode::texts(node, "on", problems);
            for word in words.iter().filter(|word| word.value != "push") {
                let message = format!("\"{}\" starts no run", word.value);
                problems.report_unknown(Code::InvalidValue, word.span, message, &word.value, ["push"]);
            }
            return Self { push: words.iter().any(|word| word.value == "push").then(PushTrigger::default) };
        }
        let Some(mut fields) = Fields::of(node, "on", problems) else { return Self::default() };
        let push = match node.get("push") {
            Some(Node { value: Value::Null, .. }) => Some(PushTrigger::default()),
            _ => None,
        };
        let push = push.or(fields.optional("push").and_then(|node| PushTrigger::decode(node, problems)));
        fields.not_supported(&["pull_request", "schedule", "event"], problems);
        fields.finish(problems);
        Self { push }
    }
}

impl PushTrigger {
    fn decode(node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "on.push", problems)?;
        let branches = fields.optional("branches").map(|node| Patterns::decode(node, "branches", problems));
        let paths = fields.optional("paths").map(|node| Patterns::decode(node, "paths", problems));
        fields.finish(problems);
        Some(Self { branches, paths })
    }

    /// Tells whether a push to `branch` counts.
    #[must_use]
    pub fn takes_branch(&self, branch: &str) -> bool {
        self.branches.as_ref().is_none_or(|patterns| patterns.globs.is_match(branch))
    }

    /// Tells whether it matters which files a push changed.
    #[must_use]
    pub fn looks_at_paths(&self) -> bool {
        self.paths.is_some()
    }

    /// Tells whether a push that changed these files counts.
    #[must_use]
    pub fn takes_paths(&self, changed: &[String]) -> bool {
        self.paths.as_ref().is_none_or(|patterns| changed.iter().any(|path| patterns.globs.is_match(path)))
    }
}

impl PartialEq for PushTrigger {
    fn eq(&self, other: &Self) -> bool {
        let texts = |patterns: &Option<Patterns>| patterns.as_ref().map(|patterns| patterns.texts.clone());
        texts(&self.branches) == texts(&other.branches) && texts(&self.paths) == texts(&other.paths)
    }
}

impl Patterns {
    fn decode(node: &Node, what: &str, problems: &mut Problems<'_>) -> Self {
        let mut builder = GlobSetBuilder::new();
        let texts = decode::texts(node, what, problems);
        for text in &texts {
            match Glob::new(&text.value) {
                Ok(glob) => drop(builder.add(glob)),
                Err(error) => {
                    let message = format!("\"{}\" is not a pattern: {}", text.value, error.kind());
                    problems.report(Code::InvalidValue, text.span, message);
                }
            }
        }
        let globs = builder.build().unwrap_or_else(|_| GlobSet::empty());
        Self { texts: texts.into_iter().map(|text| text.value).collect(), globs }
    }
}
