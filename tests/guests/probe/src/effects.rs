//! Actions that do something to the world, in steps that a crash can come between.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::{SystemTime, UNIX_EPOCH};

use kiket_plugin::{Call, Failure, http};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(crate) struct Pay {
    url: String,
    /// How many payments.
    parts: u32,
    /// Whether a payment says which attempt makes it, so that no two attempts ask for the same.
    #[serde(default)]
    fickle: bool,
}

/// Looks at the other side and makes a payment, several times. What a payment says includes a time and a random
/// number: two that are the same were made by somebody who remembers.
pub(crate) fn pay(input: Pay, call: &Call) -> Result<Value, Failure> {
    for part in 0..input.parts {
        let url = format!("{}?part={part}", input.url);
        let seen = http::get(&url).send()?.error_for_status()?.text().into_owned();
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let random = RandomState::new().hash_one(part);
        let attempt = if input.fickle { call.attempt() } else { 0 };
        http::post(&url)
            .header("idempotency-key", format!("{}#{part}", call.effect_key()))
            .json(&json!({"part": part, "seen": seen, "time": time.to_string(), "random": random, "attempt": attempt}))
            .send()?
            .error_for_status()?;
    }
    Ok(json!({ "parts": input.parts }))
}
