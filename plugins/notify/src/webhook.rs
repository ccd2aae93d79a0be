//! The channel `webhook`: `{"text": …, "fields": …}` as JSON, with the headers of Standard Webhooks
//! (<https://www.standardwebhooks.com>), signed where a secret for it is named.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kiket_plugin::secrets::{self, Algorithm};
use kiket_plugin::{Call, Failure, clock, http, log};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Output;

/// How the host's texts that stand for secrets begin.
const PLACEHOLDER: &str = "kiket-secret.";

#[derive(Deserialize)]
pub(crate) struct Input {
    url: String,
    text: String,
    #[serde(default)]
    fields: Map<String, Value>,
    signing_secret: Option<String>,
}

#[derive(Serialize)]
struct Message<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: &'a Map<String, Value>,
}

pub(crate) fn send(input: &Input, call: &Call) -> Result<Output, Failure> {
    let (id, timestamp) = (call.effect_key(), clock::unix_seconds());
    let body = body(input)?;
    let mut request = http::post(&input.url)
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp.to_string());
    if let Some(secret) = &input.signing_secret {
        let signature = secrets::sign(secret, Algorithm::StandardWebhooks, signed_content(id, timestamp, &body)?)?;
        request = request.header("webhook-signature", format!("v1,{}", STANDARD.encode(signature)));
    }
    let response = request.body(body).send()?.error_for_status()?;
    log::info!("the receiver answered {}", response.status());
    Ok(Output { status: Some(response.status()), answer: None })
}

fn body(input: &Input) -> Result<String, Failure> {
    let message = Message { text: &input.text, fields: &input.fields };
    serde_json::to_string(&message)
        .map_err(|error| Failure::Permanent(format!("the message has no JSON form: {error}")))
}

/// What the signature covers.
fn signed_content(id: &str, timestamp: u64, body: &str) -> Result<String, Failure> {
    if body.contains(PLACEHOLDER) {
        // The host would put the value in after the signature was made.
        return Err(Failure::invalid_input("a signed message cannot hold a secret"));
    }
    Ok(format!("{id}.{timestamp}.{body}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn input(value: Value) -> Input {
        serde_json::from_value(value).expect("an input")
    }

    #[test]
    fn the_fields_travel_beside_the_text() {
        let message = input(json!({ "url": "u", "text": "built", "fields": { "branch": "main", "n": 1 } }));
        assert_eq!(body(&message), Ok(r#"{"text":"built","fields":{"branch":"main","n":1}}"#.to_owned()));
        assert_eq!(body(&input(json!({ "url": "u", "text": "built" }))), Ok(r#"{"text":"built"}"#.to_owned()));
    }

    #[test]
    fn the_signature_covers_the_id_the_time_and_the_body() {
        assert_eq!(signed_content("run_1/tell", 1_700_000_000, "{}"), Ok("run_1/tell.1700000000.{}".to_owned()));
        signed_content("run_1/tell", 1, r#"{"text":"kiket-secret.n0nce.TOKEN."}"#).expect_err("a secret in it");
    }
}
