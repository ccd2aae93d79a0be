//! Runs a script in the sandbox.
//!
//! A language is a module with one function `run`, from a [`Script`] and a [`Console`] to the script's result as JSON.
//! The sandbox itself, with its limits on time and memory, is the host's: nothing here enforces anything.

mod console;
mod javascript;

use kiket_plugin::{Call, Failure, log, plugin};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::console::{Console, Written};

plugin! { manifest: "manifest.yaml", actions: { "run" => execute } }

#[derive(Deserialize)]
struct Input {
    language: Language,
    source: String,
    #[serde(default)]
    input: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Language {
    JavaScript,
}

#[derive(Serialize)]
struct Output {
    result: Value,
    #[serde(flatten)]
    written: Written,
    exit_code: u8,
}

/// What is run: a text, and the data it sees.
struct Script<'a> {
    source: &'a str,
    input: &'a Value,
    env: Vec<(&'a str, &'a str)>,
}

fn execute(input: Input, call: &Call) -> Result<Output, Failure> {
    let script = Script { source: &input.source, input: &input.input, env: call.vars().collect() };
    let console = Console::new(log::line);
    let result = match input.language {
        Language::JavaScript => javascript::run(&script, &console),
    };
    Ok(Output { result: result.map_err(Failure::Permanent)?, written: console.written(), exit_code: 0 })
}
