//! JavaScript, by the interpreter Boa.
//!
//! A script sees the standard library without `Intl` and `Temporal`, and the globals of [`globals`]. Its time zone is
//! UTC. It is a script and not a module: `import` and an `await` outside of functions are syntax errors.

mod globals;
mod json;
mod rejections;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::rc::Rc;

use boa_engine::builtins::promise::PromiseState;
use boa_engine::object::builtins::JsPromise;
use boa_engine::{Context, JsError, JsValue, Source};
use serde_json::Value;

use self::json::Json;
use self::rejections::Rejections;
use crate::Script;
use crate::console::Console;

/// What the script is called in error messages.
const FILE: &str = "script.js";

/// How the interpreter marks a position in its own code.
const NATIVE: &str = " (native)";

/// How many calls of a stack are told.
const FRAMES: usize = 10;

/// Runs a script until no promise job is left, and answers with the value of its last expression. A failure is a text
/// for people: the error's message, its position and the call stack.
pub(crate) fn run(script: &Script, console: &Console) -> Result<Value, String> {
    let rejections = Rc::new(Rejections::default());
    let hooks = Rc::clone(&rejections);
    let mut context = Context::builder().host_hooks(hooks).build().map_err(|error| describe(&error))?;
    context.runtime_limits_mut().set_backtrace_limit(FRAMES);
    evaluate(script, console, &rejections, &mut context).map_err(|error| describe(&error))
}

fn evaluate(
    script: &Script,
    console: &Console,
    rejections: &Rejections,
    context: &mut Context,
) -> Result<Value, JsError> {
    let json = Json::of(context)?;
    globals::define(script, console, &json, context)?;
    let source = Source::from_bytes(script.source).with_path(Path::new(FILE));
    let value = context.eval(source)?;
    context.run_jobs()?;
    let result = settle(value)?;
    rejections.first_unhandled()?;
    json.write(&result, context)
}

/// The value itself, or what the promise came to.
fn settle(value: JsValue) -> Result<JsValue, JsError> {
    let Some(promise) = value.as_object().and_then(|object| JsPromise::from_object(object).ok()) else {
        return Ok(value);
    };
    match promise.state() {
        PromiseState::Fulfilled(value) => Ok(value),
        PromiseState::Rejected(reason) => Err(JsError::from_opaque(reason)),
        PromiseState::Pending => Err(JsError::from_rust(Unsettled)),
    }
}

/// The script's last expression is a promise that nothing settles.
#[derive(Debug)]
struct Unsettled;

impl std::fmt::Display for Unsettled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the script ended with a promise that nothing resolves")
    }
}

impl std::error::Error for Unsettled {}

/// The error's message and its call stack, without the frames inside the interpreter: they say nothing to the author
/// of a script.
fn describe(error: &JsError) -> String {
    let text = error.to_string();
    let mut parts = text.split("\n    at ");
    let message = parts.next().unwrap_or_default();
    let message = message.strip_suffix(NATIVE).unwrap_or(message);
    let frames: Vec<&str> = parts.filter(|frame| !frame.ends_with(NATIVE)).collect();
    if frames.is_empty() {
        return message.to_owned();
    }
    // Behind the message stands the outermost position; the call stack begins with the one that matters.
    let position = message.rfind(&format!(" ({FILE}:")).filter(|_| message.ends_with(')'));
    let message = &message[..position.unwrap_or(message.len())];
    format!("{message}\n    at {}", frames.join("\n    at "))
}
