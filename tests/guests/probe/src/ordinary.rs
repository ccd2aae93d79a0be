//! Actions that do what they are told, and report it exactly.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use kiket_plugin::{Call, Failure, http, log, progress};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Nothing at all: what a call costs.
pub(crate) fn noop(_: IgnoredAny, _: &Call) -> Result<(), Failure> {
    Ok(())
}

/// Everything the action was told.
pub(crate) fn echo(input: Value, call: &Call) -> Result<Value, Failure> {
    let env: Vec<_> = call.vars().collect();
    Ok(json!({
        "input": input,
        "env": env.into_iter().collect::<BTreeMap<_, _>>(),
        "run": call.run(),
        "stage": call.stage(),
        "attempt": call.attempt(),
        "effect_key": call.effect_key(),
    }))
}

#[derive(Deserialize)]
pub(crate) struct Work {
    ms: u64,
}

/// Keeps the processor busy for a time that ends.
pub(crate) fn work(input: Work, _: &Call) -> Result<Value, Failure> {
    let until = Duration::from_millis(input.ms);
    let start = Instant::now();
    let mut rounds = 0_u64;
    while start.elapsed() < until {
        for _ in 0..10_000 {
            rounds = black_box(rounds + 1);
        }
    }
    Ok(json!({ "rounds": rounds }))
}

#[derive(Deserialize)]
pub(crate) struct Count {
    lines: u64,
    #[serde(default)]
    text: String,
}

/// Logs `1 text`, `2 text` … up to the number of lines.
pub(crate) fn count(input: Count, _: &Call) -> Result<Value, Failure> {
    for line in 1..=input.lines {
        log::info!("{line} {}", input.text);
    }
    Ok(json!({ "lines": input.lines }))
}

#[derive(Deserialize)]
pub(crate) struct Progress {
    steps: u64,
}

/// Reports `step 1` … up to the number of steps.
pub(crate) fn report_progress(input: Progress, _: &Call) -> Result<(), Failure> {
    for step in 1..=input.steps {
        progress::report(&format!("step {step}"), step, input.steps);
    }
    Ok(())
}

#[derive(Deserialize)]
pub(crate) struct Fetch {
    url: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    #[serde(default = "once")]
    times: u32,
}

fn get() -> String {
    "GET".to_owned()
}

fn once() -> u32 {
    1
}

#[derive(Serialize)]
pub(crate) struct Fetched {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

/// Sends one request, or the same one several times, and answers with the last response.
pub(crate) fn fetch(input: Fetch, _: &Call) -> Result<Fetched, Failure> {
    let mut request = http::Request::new(input.method, input.url).body(input.body);
    for (name, value) in input.headers {
        request = request.header(name, value);
    }
    for _ in 1..input.times {
        request.clone().send()?;
    }
    let response = request.send()?;
    Ok(Fetched {
        status: response.status(),
        headers: response.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: response.text().into_owned(),
    })
}

#[derive(Deserialize)]
pub(crate) struct Big {
    bytes: usize,
}

/// Answers with an output of exactly that many bytes of JSON; 11 is the least.
pub(crate) fn big(input: Big, _: &Call) -> Result<Value, Failure> {
    let frame = r#"{"text":""}"#.len();
    let text = "x".repeat(input.bytes.saturating_sub(frame));
    Ok(json!({ "text": text }))
}

#[derive(Deserialize)]
pub(crate) struct Fail {
    kind: Kind,
    message: String,
    retry_after_ms: Option<u64>,
    /// From this attempt on the action succeeds.
    until_attempt: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    InvalidInput,
    Transient,
    Permanent,
    Denied,
}

/// Fails as it is told, for ever or until an attempt.
pub(crate) fn fail(input: Fail, call: &Call) -> Result<Value, Failure> {
    if input.until_attempt.is_some_and(|until| call.attempt() >= until) {
        return Ok(json!({ "attempt": call.attempt() }));
    }
    Err(match input.kind {
        Kind::InvalidInput => Failure::InvalidInput(input.message),
        Kind::Transient => {
            Failure::transient(input.message).retry_after(input.retry_after_ms.map(Duration::from_millis))
        }
        Kind::Permanent => Failure::Permanent(input.message),
        Kind::Denied => Failure::Denied(input.message),
    })
}
