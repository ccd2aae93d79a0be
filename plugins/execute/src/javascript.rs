//! JavaScript, by the interpreter Boa.
//!
//! A script sees the standard library without `Intl` and `Temporal`, and the globals of [`globals`] and [`process`].
//! Its time zone is UTC. It is a script and not a module: `import` and an `await` outside of functions are syntax
//! errors.

mod console;
mod failure;
mod globals;
mod json;
mod process;
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
use self::process::World;
use self::rejections::Rejections;
use crate::console::Console;
use crate::{Ended, Script};

/// What the script is called in error messages.
const FILE: &str = "script.js";

/// How many calls of a stack are told.
const FRAMES: usize = 10;

/// Runs a script until no promise job is left, and answers with the value of its last expression, or with the code it
/// exited with. A failure is a text for people: the error's message, its position and the call stack.
pub(crate) fn run(mut script: Script, console: &Console) -> Result<Ended, String> {
    let rejections = Rc::new(Rejections::default());
    let hooks = Rc::clone(&rejections);
    let mut context = Context::builder().host_hooks(hooks).build().map_err(|error| error.to_string())?;
    context.runtime_limits_mut().set_backtrace_limit(FRAMES);
    let source = std::mem::take(&mut script.source);
    let world = World::of(&mut script);
    let value = evaluate(&source, &script, console, &world, &rejections, &mut context);
    let exited = world.exit_code();
    let result = match (exited, value) {
        (Some(_), _) => Value::Null,
        (None, Ok(value)) => value,
        (None, Err(error)) => return Err(failure::describe(&error, &mut context)),
    };
    Ok(Ended { result, exit_code: exited.unwrap_or(0), files: world.take_written() })
}

fn evaluate(
    source: &str,
    script: &Script,
    console: &Console,
    world: &World,
    rejections: &Rejections,
    context: &mut Context,
) -> Result<Value, JsError> {
    let json = Json::of(context)?;
    console::define(console, &json, context)?;
    globals::define(script, world, context)?;
    process::define(script, context)?;
    let value = context.eval(Source::from_bytes(source).with_path(Path::new(FILE)))?;
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
