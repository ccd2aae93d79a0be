//! Actions that keep values, and one that can tell what became of what it did.

use kiket_plugin::{Call, EffectState, Failure, http, kv, secrets};
use serde::Deserialize;
use serde_json::{Value, json};

/// One call about a value.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Kept {
    Get {
        key: String,
    },
    Set {
        key: String,
        value: String,
    },
    Remove {
        key: String,
    },
    Swap {
        key: String,
        expected: Option<String>,
        value: Option<String>,
    },
    Keys {
        prefix: String,
        after: Option<String>,
        limit: u32,
    },
    /// Adds 1 to a number until nobody else was quicker.
    Count {
        key: String,
    },
}

pub(crate) fn kept(input: Kept, _: &Call) -> Result<Value, Failure> {
    let text = |value: Option<Vec<u8>>| value.map(|value| String::from_utf8_lossy(&value).into_owned());
    Ok(match input {
        Kept::Get { key } => json!({ "value": text(kv::get(&key)?) }),
        Kept::Set { key, value } => {
            kv::set(&key, value)?;
            json!({})
        }
        Kept::Remove { key } => json!({ "done": kv::remove(&key)? }),
        Kept::Swap { key, expected, value } => {
            let bytes = |text: &'_ Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
            json!({ "done": kv::swap(&key, bytes(&expected).as_deref(), bytes(&value).as_deref())? })
        }
        Kept::Keys { prefix, after, limit } => json!({ "keys": kv::keys(&prefix, after.as_deref(), limit)? }),
        Kept::Count { key } => loop {
            let before = kv::get(&key)?;
            let number: u64 = kv::get_json(&key)?.unwrap_or_default();
            if kv::swap(&key, before.as_deref(), Some((number + 1).to_string().as_bytes()))? {
                break json!({ "value": number + 1 });
            }
        },
    })
}

#[derive(Deserialize)]
pub(crate) struct Sign {
    secret: String,
    text: String,
}

/// Signs a text with a secret.
pub(crate) fn sign(input: Sign, _: &Call) -> Result<Value, Failure> {
    let mac = secrets::sign(&input.secret, secrets::Algorithm::HmacSha256, input.text)?;
    Ok(json!({ "mac": mac.iter().map(|byte| format!("{byte:02x}")).collect::<String>() }))
}

#[derive(Deserialize)]
pub(crate) struct Transfer {
    url: String,
}

/// Makes a transfer under its effect key.
pub(crate) fn transfer(input: Transfer, call: &Call) -> Result<Value, Failure> {
    http::post(input.url).header("idempotency-key", call.effect_key()).send()?.error_for_status()?;
    Ok(json!({ "told_by": "the answer" }))
}

/// Asks the other side whether it knows of the transfer.
pub(crate) fn was_transferred(input: Transfer, call: &Call) -> Result<EffectState<Value>, Failure> {
    let seen = http::get(input.url).header("idempotency-key", call.effect_key()).send()?;
    Ok(match (seen.status(), &*seen.text()) {
        (200, "yes") => EffectState::Happened(json!({ "told_by": "the check" })),
        (200, "no") => EffectState::DidNotHappen,
        (status, _) => EffectState::Unknown(format!("the other side answered {status}")),
    })
}
