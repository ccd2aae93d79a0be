//! `on:`: what starts a run besides a person and the API.

mod schedule;

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::decode::{items, text_at, texts};
use crate::diagnostic::{Code, Problems};
use crate::expression::{Expression, Names, parse_condition};
use crate::schedule::Schedule;
use crate::shape::{Record, Shape, checked, closed, optional, required};
use crate::yaml::{Node, Value};
pub(crate) use schedule::parse_cron;
use schedule::{SCHEDULE, decode_schedules};

/// `on:` itself: a word, a list of words, or a mapping that says more.
pub(super) const ON: Shape = Shape::Either(&[WORD, Shape::List(&WORD), Shape::Record(&TRIGGERS)]);

const WORD: Shape = Shape::Word(&["push", "pull_request"]);

static TRIGGERS: Record = closed(
    "on",
    "What starts a run besides a person and the API.",
    &[
        optional("push", Shape::Record(&PUSH), "A push; nothing behind it means that of every branch."),
        optional(
            "pull_request",
            Shape::Record(&PULL_REQUEST),
            "A pull request within the repository is opened, or has new commits; nothing behind it means every one.",
        ),
        optional("schedule", Shape::OneOrList(&Shape::Record(&SCHEDULE)), "A time."),
        checked("event", Shape::OneOrList(&Shape::Record(&EVENT)), "Something that happened in the project."),
    ],
);

static PUSH: Record = closed(
    "on.push",
    "Which pushes start a run.",
    &[
        optional(
            "branches",
            Shape::OneOrList(&Shape::Text),
            "Patterns of branches; where neither these nor tags are given, every branch and no tag.",
        ),
        optional("tags", Shape::OneOrList(&Shape::Text), "Patterns of tags; without branches beside them, tags alone."),
        optional(
            "paths",
            Shape::OneOrList(&Shape::Text),
            "Patterns of files of which one has to have changed on a branch; a tag changes none.",
        ),
    ],
);

static PULL_REQUEST: Record = closed(
    "on.pull_request",
    "Which pull requests start a run.",
    &[optional("branches", Shape::OneOrList(&Shape::Text), "Patterns of the branches that are merged into.")],
);

static EVENT: Record = closed(
    "event",
    "Something that happened in the project.",
    &[
        required("type", Shape::Text, "Kind of the event, for example item.transitioned."),
        optional("when", Shape::Condition, "A condition on the event; it sees `event` and `item`."),
    ],
);

/// The names that the condition of an event can use.
const EVENT_NAMES: [&str; 3] = ["event", "item", "project"];

/// What starts runs of a pipeline.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Triggers {
    /// A push.
    pub push: Option<PushTrigger>,
    /// A pull request.
    pub pull_request: Option<PullRequestTrigger>,
    /// Times.
    pub schedules: Vec<Schedule>,
    /// Events of the project.
    pub events: Vec<EventTrigger>,
}

/// Events that start a run.
#[derive(Debug, Clone, PartialEq)]
pub struct EventTrigger {
    /// The kind.
    pub kind: String,
    /// A condition on the event.
    pub when: Option<Expression>,
}

/// Which pushes start a run: those to a branch that `branches` names, which change a file that `paths` names, and
/// those of a tag that `tags` names. Absent `paths` name everything; absent `tags` no tag; absent `branches` every
/// branch, unless there are `tags`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PushTrigger {
    branches: Option<Patterns>,
    tags: Option<Patterns>,
    paths: Option<Patterns>,
}

/// Which pull requests start a run: those into a branch that `branches` names. An absent list names everything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PullRequestTrigger {
    branches: Option<Patterns>,
}

/// Patterns of names: `release/*`.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    texts: Vec<String>,
    globs: GlobSet,
}

impl Triggers {
    pub(super) fn decode(node: &Node, problems: &mut Problems<'_>) -> Self {
        // `on: push` and `on: [push]` mean the same as `on: { push: {} }`.
        if !matches!(node.value, Value::Mapping(_)) {
            let words = texts(Some(node));
            let named = |name: &str| words.iter().any(|word| word.value == name);
            return Self {
                push: named("push").then(PushTrigger::default),
                pull_request: named("pull_request").then(PullRequestTrigger::default),
                ..Self::default()
            };
        }
        Self {
            push: node.get("push").map(|node| PushTrigger {
                branches: Patterns::decode(node.get("branches"), problems),
                tags: Patterns::decode(node.get("tags"), problems),
                paths: Patterns::decode(node.get("paths"), problems),
            }),
            pull_request: node
                .get("pull_request")
                .map(|node| PullRequestTrigger { branches: Patterns::decode(node.get("branches"), problems) }),
            schedules: decode_schedules(node.get("schedule"), problems),
            events: decode_events(node.get("event"), problems),
        }
    }
}

fn decode_events(node: Option<&Node>, problems: &mut Problems<'_>) -> Vec<EventTrigger> {
    let names = Names::of(&EVENT_NAMES);
    let decode = |node: &Node| {
        let when = node.get("when").and_then(|node| parse_condition(node, &names, problems));
        Some(EventTrigger { kind: text_at(node, "type")?.to_owned(), when })
    };
    items(node).iter().filter_map(decode).collect()
}

impl PushTrigger {
    /// Tells whether a push to `branch` counts.
    #[must_use]
    pub fn takes_branch(&self, branch: &str) -> bool {
        self.branches.as_ref().map_or(self.tags.is_none(), |patterns| patterns.globs.is_match(branch))
    }

    /// Tells whether the push of `tag` counts.
    #[must_use]
    pub fn takes_tag(&self, tag: &str) -> bool {
        self.tags.as_ref().is_some_and(|patterns| patterns.globs.is_match(tag))
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

impl PullRequestTrigger {
    /// Tells whether a pull request into `branch` counts.
    #[must_use]
    pub fn takes_target(&self, branch: &str) -> bool {
        self.branches.as_ref().is_none_or(|patterns| patterns.globs.is_match(branch))
    }
}

impl PartialEq for Patterns {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Patterns {
    fn decode(node: Option<&Node>, problems: &mut Problems<'_>) -> Option<Self> {
        let mut builder = GlobSetBuilder::new();
        let texts = texts(Some(node?));
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
        Some(Self { texts: texts.into_iter().map(|text| text.value).collect(), globs })
    }
}
