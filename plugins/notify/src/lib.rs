//! Tells people and machines what happened.
//!
//! One channel so far: `webhook` posts `{"text": …, "fields": …}` as JSON. The header `webhook-id` is the effect key
//! and so the same for every attempt; with `webhook-timestamp` it follows the Standard Webhooks specification.

use std::time::{SystemTime, UNIX_EPOCH};

use kiket_plugin::{Call, Failure, http, log, plugin};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

plugin! { manifest: "manifest.yaml", actions: { "run" => notify } }

#[derive(Deserialize)]
struct Input {
    channel: Channel,
    url: String,
    text: String,
    #[serde(default)]
    fields: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Channel {
    Webhook,
}

#[derive(Serialize)]
struct Output {
    status: u16,
}

#[derive(Serialize)]
struct Message<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: &'a Map<String, Value>,
}

fn notify(input: Input, call: &Call) -> Result<Output, Failure> {
    match input.channel {
        Channel::Webhook => post_webhook(&input, call),
    }
}

fn post_webhook(input: &Input, call: &Call) -> Result<Output, Failure> {
    let mut request = http::post(&input.url).header("webhook-id", call.effect_key());
    if let Some(seconds) = seconds_since_epoch() {
        request = request.header("webhook-timestamp", seconds.to_string());
    }
    let response = request.json(&Message { text: &input.text, fields: &input.fields }).send()?.error_for_status()?;
    log::info!("the receiver answered {}", response.status());
    Ok(Output { status: response.status() })
}

/// The time, where the host has a clock.
fn seconds_since_epoch() -> Option<u64> {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(elapsed.as_secs()).filter(|&seconds| seconds > 0)
}
