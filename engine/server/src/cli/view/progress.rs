//! What a view remembers of a run: when it and its stages began, and how they end.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value as Json;

use crate::cli::approve::{how_to, question};
use crate::cli::resolve;
use crate::cli::text::{between, clean, clock, commit, duration, field, headline};

/// What happened so far, as far as a drawing needs it.
#[derive(Default)]
pub(super) struct Progress {
    pipeline: String,
    queued: Json,
    started: HashMap<String, Json>,
    names_commands: bool,
}

impl Progress {
    pub(super) fn apply(&mut self, kind: &str, data: &Json) {
        match kind {
            "run.queued" => {
                self.pipeline = field(data, "pipeline").into_owned();
                self.queued = data["at"].clone();
            }
            "stage.started" | "approval.requested" => {
                self.started.insert(stage(data), data["at"].clone());
            }
            _ => {}
        }
    }

    /// Introduces the run: `release run_01… at 1234567890`.
    pub(super) fn introduction(&self, data: &Json) -> String {
        let mut text = format!("{} {}", self.pipeline, field(data, "run"));
        let commit = commit(data);
        if !commit.is_empty() {
            text += &format!(" at {commit}");
        }
        text
    }

    /// From now on says by which command a stage is approved.
    pub(super) fn name_commands(&mut self) {
        self.names_commands = true;
    }

    /// Says how long the attempt that ends with this event took, or how long people took to answer.
    pub(super) fn spent(&self, data: &Json) -> Option<String> {
        // What no attempt came of, such as an approval, used nothing and took its time nevertheless.
        let wall = data.pointer("/usage/wall_ms").and_then(Json::as_u64).filter(|_| data["attempt"] != 0);
        let wall = wall.map(Duration::from_millis);
        wall.or_else(|| between(self.started.get(&stage(data))?, &data["at"])).map(duration)
    }

    /// Says in lines what people are asked by an `approval.requested`.
    pub(super) fn question(&self, data: &Json) -> Vec<String> {
        let mut lines = Vec::from(question(&data["request"]));
        if self.names_commands {
            lines.push(how_to(&field(data, "run"), &stage(data)));
        }
        lines
    }

    /// Says how to go on with a stage that needs attention.
    pub(super) fn way_on(&self, data: &Json) -> Option<String> {
        self.names_commands.then(|| resolve::how_to(&field(data, "run"), &stage(data)))
    }

    /// Says how the run ended.
    pub(super) fn ending(&self, kind: &str, data: &Json) -> String {
        let name = if self.pipeline.is_empty() { "run" } else { &self.pipeline };
        let how = kind.strip_prefix("run.").unwrap_or(kind);
        let mut text = format!("{name} {how}");
        if let Some(spent) = between(&self.queued, &data["at"]) {
            text += &format!(" in {}", duration(spent));
        }
        if data["error"].is_object() {
            text += &format!(", {}", error(data));
        }
        if data["compensated"] == true {
            text += "; what it had done is undone";
        }
        text
    }
}

/// Tells whether an event is not worth a word: what undoes a stage, and is skipped, had nothing to undo.
pub(super) fn is_idle(kind: &str, data: &Json) -> bool {
    kind == "stage.skipped" && stage(data).ends_with(".compensate")
}

/// The run that did what this one only keeps.
pub(super) fn kept_from(data: &Json) -> Option<String> {
    data["kept_from"].as_str().map(|run| clean(run).into_owned())
}

/// The stage that an event is about, fit to be shown.
pub(super) fn stage(data: &Json) -> String {
    field(data, "stage").into_owned()
}

/// Says an event's error on one line.
pub(super) fn error(data: &Json) -> String {
    headline(&data["error"])
}

/// Says what an `approval.requested` asks: `asks for approval: Ship it?`.
pub(super) fn request(data: &Json) -> String {
    let message = field(&data["request"], "message");
    if message.is_empty() { "asks for approval".to_owned() } else { format!("asks for approval: {message}") }
}

/// Says who answered, and in which words: `by ada: looks good`.
pub(super) fn answer(data: &Json) -> String {
    let comment = field(data, "comment");
    let comment = if comment.is_empty() { String::new() } else { format!(": {comment}") };
    format!("by {}{comment}", field(data, "by"))
}

/// Says who knew what became of an effect, and what that was: `by ada, it happened: seen in the books`.
pub(super) fn resolution(data: &Json) -> String {
    let became = if data["resolution"] == "happened" { "it happened" } else { "to be done again" };
    let comment = field(data, "comment");
    let comment = if comment.is_empty() { String::new() } else { format!(": {comment}") };
    format!("by {}, {became}{comment}", field(data, "by"))
}

/// Says until when a stage waits, in UTC; `None` where it waits for something else.
pub(super) fn until(data: &Json) -> Option<String> {
    (!data["until"].is_null()).then(|| clock(&data["until"]))
}

/// Returns the lines of a `stage.log` record: level and text, fit to be shown.
pub(super) fn lines(data: &Json) -> impl Iterator<Item = (&str, String)> {
    data["lines"].as_array().into_iter().flatten().flat_map(|line| {
        let level = line["level"].as_str().unwrap_or_default();
        let text = line["text"].as_str().unwrap_or_default();
        text.strip_suffix('\n').unwrap_or(text).split('\n').map(move |text| (level, clean(text).into_owned()))
    })
}

/// Says a `stage.progress` record: `fetching 3/10`.
pub(super) fn step(data: &Json) -> String {
    let message = field(data, "message");
    match (&data["done"], &data["total"]) {
        (Json::Number(done), Json::Number(total)) => format!("{message} {done}/{total}"),
        (Json::Number(done), _) if done.as_f64() != Some(0.0) => format!("{message} {done}"),
        _ => message.into_owned(),
    }
}

/// Returns the run's outputs as lines: `url: https://…`.
pub(super) fn outputs(data: &Json) -> impl Iterator<Item = String> {
    data["outputs"].as_object().into_iter().flatten().map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{}: {}", clean(name), clean(&value))
    })
}
