//! What a script has thrown, as a text for people: name, message, call stack, and the same of what caused it.

use boa_engine::{Context, JsError, JsValue, js_string};

use super::FILE;

/// How the interpreter marks a position in its own code.
const NATIVE: &str = " (native)";

/// How it marks one that no line of the script has.
const NOWHERE: &str = ":?:?)";

/// How many causes are told.
const CAUSES: usize = 5;

/// The error's message and its call stack, without the frames inside the interpreter: they say nothing to the author
/// of a script.
pub(super) fn describe(error: &JsError, context: &mut Context) -> String {
    let mut told = with_stack(&error.to_string());
    let mut cause = error.as_opaque().and_then(|thrown| cause_of(thrown, context));
    for _ in 0..CAUSES {
        let Some(value) = cause else { break };
        let text = JsError::from_opaque(value.clone()).to_string();
        told.push_str(&format!("\ncaused by: {}", with_stack(&text)));
        cause = cause_of(&value, context);
    }
    told
}

/// What an error says it was caused by.
fn cause_of(thrown: &JsValue, context: &mut Context) -> Option<JsValue> {
    let cause = thrown.as_object()?.get(js_string!("cause"), context).ok()?;
    (!cause.is_undefined()).then_some(cause)
}

fn with_stack(text: &str) -> String {
    let mut parts = text.split("\n    at ");
    let message = parts.next().unwrap_or_default();
    let message = message.strip_suffix(NATIVE).unwrap_or(message);
    let frames: Vec<&str> = parts.filter(|frame| !frame.ends_with(NATIVE) && !frame.ends_with(NOWHERE)).collect();
    if frames.is_empty() {
        return message.to_owned();
    }
    // Behind the message stands the outermost position; the call stack begins with the one that matters.
    let position = message.rfind(&format!(" ({FILE}:")).filter(|_| message.ends_with(')'));
    let message = &message[..position.unwrap_or(message.len())];
    format!("{message}\n    at {}", frames.join("\n    at "))
}
