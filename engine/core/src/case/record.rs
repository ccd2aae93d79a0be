//! What a test case may look like.

use super::FAILURES;
use crate::definition::GRANTS;
use crate::shape::{IdRule, Keys, Record, Shape, closed, optional, required};

/// A case.
pub(super) static CASE: Record = closed(
    "case",
    "A test case of a plugin: what an action or a guard is given, and what has to come of it.",
    &[
        required("name", Shape::Text, "What it shows, in a few words."),
        optional("action", Shape::Id(IdRule::Definition), "The action that is called; run where none is given."),
        optional("guard", Shape::Id(IdRule::Definition), "A guard that is asked, in place of an action."),
        optional("transition", Shape::Record(&TRANSITION), "What a guard is asked about."),
        optional("with", Shape::Templates, "Its input; `${{ secret('NAME') }}` is the only expression."),
        optional("env", Shape::Map(&ENV, &Shape::Scalar), "The stage's `env`."),
        optional("grants", Shape::Record(&GRANTS), "What the plugin may do, as in plugins.yaml."),
        optional("secrets", Shape::Map(&SECRETS, &Shape::Text), "The project's secrets."),
        optional("kv", Shape::Map(&KV, &Shape::Any), "What the plugin kept before: text as it is, the rest as JSON."),
        optional("clock", Shape::Text, "What the clock says: 2026-01-01T00:00:00Z where none is given."),
        optional("http", Shape::List(&Shape::Record(&EXCHANGE)), "The requests that are expected, in this order."),
        required("expect", Shape::Record(&EXPECT), "What has to come of it: an output, a verdict or a failure."),
    ],
);

static TRANSITION: Record = closed(
    "transition",
    "A transition that somebody wants an item to take.",
    &[
        optional("item", Shape::Any, "The item as the API shows it; an empty one where none is given."),
        optional("name", Shape::Text, "The transition's name."),
        optional("from", Shape::Text, "The state it leads from."),
        optional("to", Shape::Text, "The state it leads to."),
        optional("actor", Shape::Text, "Who wants it."),
    ],
);

static ENV: Keys = Keys { name: "variable", rule: None, required: false };
static SECRETS: Keys = Keys { name: "secret", rule: Some(IdRule::Secret), required: false };
static KV: Keys = Keys { name: "value", rule: None, required: false };
static HEADERS: Keys = Keys { name: "header", rule: None, required: false };

static EXCHANGE: Record = closed(
    "exchange",
    "A request that is expected, and its answer. No network is used.",
    &[
        required("request", Shape::Record(&REQUEST), "The request, with its secrets put in."),
        required("response", Shape::Record(&RESPONSE), "The answer."),
    ],
);

static REQUEST: Record = closed(
    "request",
    "A request, as far as it is looked at.",
    &[
        optional("method", Shape::Text, "The method; GET where none is given."),
        required("url", Shape::Text, "The whole URL."),
        optional("headers", Shape::Map(&HEADERS, &Shape::Scalar), "Headers that have to be there."),
        optional(
            "body",
            Shape::Any,
            "The body: text to the letter, the rest as JSON; not looked at where none is given.",
        ),
    ],
);

static RESPONSE: Record = closed(
    "response",
    "An answer.",
    &[
        required("status", Shape::Integer { min: 100, max: 599 }, "The status."),
        optional("headers", Shape::Map(&HEADERS, &Shape::Scalar), "Its headers."),
        optional("body", Shape::Any, "The body: text as it is, the rest as JSON."),
    ],
);

static EXPECT: Record = closed(
    "expectation",
    "What has to come of a call: an output, a verdict of a guard, or a failure.",
    &[
        optional("output", Shape::Any, "The whole output."),
        optional("verdict", Shape::Word(&["allow", "deny"]), "What a guard says."),
        optional("reason_contains", Shape::Text, "A text that stands in the reason of a guard that denies."),
        optional("failure", Shape::Record(&FAILURE), "How it fails."),
        optional("log", Shape::OneOrList(&Shape::Text), "Texts that stand in lines of the log, in this order."),
    ],
);

static FAILURE: Record = closed(
    "failure",
    "How a call fails.",
    &[
        required("kind", Shape::Word(&FAILURES), "What the plugin or the sandbox calls it."),
        optional("message_contains", Shape::Text, "A text that stands in its message."),
    ],
);
