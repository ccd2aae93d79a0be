//! `on:`: what starts a run besides a person and the API.

use std::str::FromStr as _;

use chrono_tz::Tz;
use croner::Cron;
use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::decode::{Located, items, text_at, texts};
use crate::diagnostic::{Code, Problems};
use crate::expression::{Expression, Names, parse_condition};
use crate::shape::{Record, Shape, checked, closed, optional, required};
use crate::yaml::{Node, Value};

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
        checked("schedule", Shape::OneOrList(&Shape::Record(&SCHEDULE)), "A time."),
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

static SCHEDULE: Record = closed(
    "schedule",
    "A time that repeats.",
    &[
        required("cron", Shape::Text, "Five fields: minute, hour, day of the month, month, day of the week."),
        optional(
            "timezone",
            Shape::Text,
            "Name in the IANA time zone database, for example Europe/Prague; UTC where none is given.",
        ),
    ],
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

/// A time that repeats.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// When.
    pub cron: Cron,
    /// Where.
    pub timezone: Tz,
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

fn decode_schedules(node: Option<&Node>, problems: &mut Problems<'_>) -> Vec<Schedule> {
    let mut schedules = Vec::new();
    for node in items(node) {
        let cron = node.get("cron").and_then(Located::text).and_then(|text| parse_cron(&text, problems));
        let timezone =
            node.get("timezone").and_then(Located::text).map_or(Some(Tz::UTC), |text| parse_zone(&text, problems));
        schedules.extend(cron.zip(timezone).map(|(cron, timezone)| Schedule { cron, timezone }));
    }
    schedules
}

/// Reads five fields of cron.
pub(crate) fn parse_cron(text: &Located<String>, problems: &mut Problems<'_>) -> Option<Cron> {
    let parsed = Cron::from_str(&text.value).map_err(|error| reason(&error));
    let fields = text.value.split_whitespace().count();
    let parsed = if fields == 5 { parsed } else { Err(format!("it has to have five fields, and this is {fields}")) };
    parsed
        .map_err(|reason| {
            let message = format!("\"{:.60}\" is not a schedule: {reason}", text.value);
            let hint = "write minute, hour, day of the month, month and day of the week: \"0 3 * * 1-5\"";
            problems.report_with_hint(Code::InvalidCron, text.span, message, hint);
        })
        .ok()
}

/// The library's words, as the end of a sentence.
fn reason(error: &croner::errors::CronError) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(": ").map_or(text.as_str(), |(_, reason)| reason);
    text.trim_end_matches('.').to_lowercase()
}

fn parse_zone(text: &Located<String>, problems: &mut Problems<'_>) -> Option<Tz> {
    text.value
        .parse()
        .map_err(|_| {
            let message = format!("there is no time zone \"{:.60}\"", text.value);
            let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
            problems.report_unknown(Code::UnknownTimeZone, text.span, message, &text.value, known);
        })
        .ok()
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
