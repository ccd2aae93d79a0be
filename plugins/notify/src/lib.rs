//! Tells people and machines what happened.
//!
//! A channel is a module with one function `send`. Whatever travels carries the effect key, the same for every attempt,
//! so that a receiver can tell a repetition. Messages inside of kiket are no channel yet.

mod email;
mod slack;
mod webhook;

use kiket_plugin::{Call, Failure, plugin};
use serde::{Deserialize, Serialize};

plugin! { manifest: "manifest.yaml", actions: { "run" => notify } }

#[derive(Deserialize)]
#[serde(tag = "channel", rename_all = "lowercase")]
enum Input {
    Webhook(webhook::Input),
    Slack(slack::Input),
    Email(email::Input),
}

/// What the receiver answered.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Output {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

fn notify(input: Input, call: &Call) -> Result<Output, Failure> {
    match input {
        Input::Webhook(input) => webhook::send(&input, call),
        Input::Slack(input) => slack::send(&input),
        Input::Email(input) => email::send(input, call),
    }
}
