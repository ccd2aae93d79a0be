//! Test cases of a plugin: what an action or a guard is given, what the world around it answers, and what has to come of it.
//!
//! A file holds one case or a list of them. Its shape is one table like that of every file of ours, and closed. Whoever
//! runs a case is not of this crate; what is read here is complete: grants as a project writes them, secrets, values,
//! and the exchanges of HTTP that the action is expected to have, in their order.

mod read;
mod record;

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::diagnostic::{Diagnostic, Span};
use crate::expression::Template;
use crate::grants::PluginGrants;
use crate::shape::json_schema;
use crate::time::Timestamp;

/// One case.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What it shows, in a few words.
    pub name: String,
    /// Where it begins.
    pub span: Span,
    /// What is called.
    pub call: Called,
    /// Its input; expressions in it can name secrets and nothing else.
    pub with: Template,
    /// The stage's `env:`.
    pub env: Vec<(String, String)>,
    /// What the project granted the plugin.
    pub grants: PluginGrants,
    /// The project's secrets.
    pub secrets: BTreeMap<String, String>,
    /// What the plugin kept before. A text is kept as it is, everything else as JSON.
    pub kv: BTreeMap<String, Json>,
    /// What the clock says all the time.
    pub clock: Timestamp,
    /// The requests that are expected, each with its answer.
    pub http: Vec<Exchange>,
    /// What has to come of it.
    pub expect: Expectation,
}

/// What a case calls.
#[derive(Debug, Clone, PartialEq)]
pub enum Called {
    /// An action of this name.
    Action(String),
    /// A guard of this name.
    Guard {
        /// The name.
        name: String,
        /// What it is asked about.
        transition: Transition,
    },
}

/// A transition that somebody wants an item to take.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The item as the API shows it.
    pub item: Json,
    /// The transition's name.
    pub name: String,
    /// The state it leads from.
    pub from: String,
    /// The state it leads to.
    pub to: String,
    /// Who wants it.
    pub actor: String,
}

/// A request that is expected, and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// The request, with its secrets put in.
    pub request: Request,
    /// The answer.
    pub response: Response,
}

/// A request as far as it is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Headers that have to be there, whatever else is.
    pub headers: BTreeMap<String, String>,
    /// The body: a text to the letter, everything else as the JSON that it is. Not looked at where none is given.
    pub body: Option<Json>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The body: a text as it is, everything else as JSON.
    pub body: Option<Json>,
}

/// What has to come of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// How it ends.
    pub end: End,
    /// Texts that have to stand in lines of the log, in this order.
    pub log: Vec<String>,
}

/// How a call ends.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// With this output.
    Output(Json),
    /// With the answer of a guard.
    Verdict {
        /// Whether the transition may be taken.
        allow: bool,
        /// What the reason contains, where it may not.
        reason_contains: Option<String>,
    },
    /// With a failure.
    Failure {
        /// Its kind: one of [`FAILURES`].
        kind: String,
        /// What its message contains.
        message_contains: Option<String>,
    },
}

/// The kinds of failures: those that a plugin answers, and those that the sandbox finds.
pub const FAILURES: [&str; 12] = [
    "invalid_input",
    "transient",
    "permanent",
    "denied",
    "invalid_output",
    "trap",
    "timeout_cpu",
    "timeout_wall",
    "memory_limit",
    "stack_overflow",
    "host_call_limit",
    "payload_too_large",
];

impl Case {
    /// Reads the cases of a file, and reports every problem. There are cases only where none is an error.
    #[must_use]
    pub fn read(path: &str, text: &str) -> (Vec<Self>, Vec<Diagnostic>) {
        read::read(path, text)
    }

    /// Returns the JSON Schema of files with cases.
    #[must_use]
    pub fn schema() -> Json {
        let title = "kiket plugin test cases";
        let mut case = json_schema(title, &record::CASE);
        let mut parts = case["$defs"].take();
        let Some(entries) = case.as_object_mut() else { return case };
        let dialect = entries.shift_remove("$schema");
        entries.retain(|key, _| key != "title" && key != "$defs");
        parts["case"] = case;
        let one = json!({ "$ref": "#/$defs/case" });
        let several = json!({ "type": "array", "items": one, "minItems": 1 });
        json!({ "$schema": dialect, "title": title, "anyOf": [one, several], "$defs": parts })
    }
}
