//! Runs a script in the sandbox.
//!
//! A language is a module with one function `run`, from a [`Script`] and a [`Console`] to how the script [`Ended`].
//! The sandbox itself, with its limits on time and memory, is the host's: nothing here enforces anything.

mod console;
mod files;
mod javascript;

use std::collections::BTreeMap;

use kiket_plugin::{Call, Failure, log, plugin};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::console::{Console, Written};

plugin! { manifest: "manifest.yaml", actions: { "run" => execute } }

/// How much of standard error goes with an exit code, in bytes of its end.
const QUOTED: usize = 2_000;

#[derive(Deserialize)]
struct Input {
    language: Language,
    source: String,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    stdin: String,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    allow_exit_codes: Vec<u8>,
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
    files: BTreeMap<String, String>,
}

/// What is run: a text, and the data it sees.
#[derive(Default)]
struct Script {
    source: String,
    input: Value,
    stdin: String,
    args: Vec<String>,
    files: BTreeMap<String, String>,
    env: Vec<(String, String)>,
}

/// How a script ended that did not fail.
#[derive(Debug, PartialEq)]
struct Ended {
    result: Value,
    exit_code: u8,
    files: BTreeMap<String, String>,
}

fn execute(input: Input, call: &Call) -> Result<Output, Failure> {
    let Input { language, source, input, stdin, args, files, allow_exit_codes } = input;
    let env = call.vars().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let script = Script { source, input, stdin, args, files, env };
    let console = Console::new(log::line);
    let ended = match language {
        Language::JavaScript => javascript::run(script, &console),
    };
    let written = console.written();
    let ended = ended.and_then(|ended| check_exit(ended, &allow_exit_codes, &written));
    // The log tells the whole story, its end included.
    let Ended { result, exit_code, files } = ended.map_err(|reason| {
        log::error!("{reason}");
        Failure::Permanent(reason)
    })?;
    Ok(Output { result, written, exit_code, files })
}

/// A code other than 0 is a failure, unless the stage takes it for an answer.
fn check_exit(ended: Ended, allowed: &[u8], written: &Written) -> Result<Ended, String> {
    let code = ended.exit_code;
    if code == 0 || allowed.contains(&code) {
        return Ok(ended);
    }
    let stderr = written.stderr.trim_end();
    let start = stderr.ceil_char_boundary(stderr.len().saturating_sub(QUOTED));
    let quote = if stderr.is_empty() { String::new() } else { format!(":\n{}", &stderr[start..]) };
    Err(format!("the script ended with exit code {code}{quote}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(exit_code: u8) -> Ended {
        Ended { result: Value::Null, exit_code, files: BTreeMap::new() }
    }

    #[test]
    fn an_exit_code_fails_unless_it_is_allowed() {
        let written = Written { stdout: "out\n".into(), stderr: "no disk\n".into() };
        assert_eq!(check_exit(ended(0), &[], &written), Ok(ended(0)));
        assert_eq!(check_exit(ended(3), &[2, 3], &written), Ok(ended(3)));
        let reason = check_exit(ended(3), &[2], &written).expect_err("a failure");
        assert_eq!(reason, "the script ended with exit code 3:\nno disk");
        let reason = check_exit(ended(3), &[], &Written::default()).expect_err("a failure");
        assert_eq!(reason, "the script ended with exit code 3");
    }

    #[test]
    fn of_a_long_standard_error_the_end_goes_with_the_exit_code() {
        let written = Written { stdout: String::new(), stderr: format!("{}the end\n", "ř".repeat(QUOTED)) };
        let reason = check_exit(ended(1), &[], &written).expect_err("a failure");
        assert!(reason.len() < QUOTED + 100 && reason.ends_with("the end"), "{reason}");
    }
}
