//! The guards that tests ask: some answer, some never do, and some want what they may not have.

use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;

use kiket_plugin::{Failure, Transition, Verdict, http, items, kv, log, plugin, secrets};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

plugin! {
    manifest: "manifest.yaml",
    guards: {
        "allow" => allow,
        "deny" => deny,
        "echo" => echo,
        "reads" => reads,
        "greedy" => greedy,
        "tell" => tell,
        "trap" => trap,
        "spin" => spin,
        "sleep" => sleep_for,
        "hasty" => hasty,
    }
}

/// Lets everything through, and logs that it was asked.
fn allow(_: IgnoredAny, asked: &Transition) -> Verdict {
    log::info!("asked about {}", asked.name());
    Verdict::Allow
}

#[derive(Deserialize)]
struct Deny {
    reason: String,
}

fn deny(input: Deny, _: &Transition) -> Verdict {
    Verdict::deny(input.reason)
}

/// Says everything that it was told.
fn echo(input: Value, asked: &Transition) -> Verdict {
    let item = asked.item();
    let told = json!({
        "input": input,
        "env": asked.env("WHO"),
        "project": asked.project(),
        "item": { "key": item["key"], "state": item["state"], "fields": item["fields"], "version": item["version"] },
        "transition": [asked.name(), asked.source_state(), asked.target_state()],
        "actor": asked.actor(),
    });
    Verdict::deny(told.to_string())
}

#[derive(Deserialize)]
struct Reads {
    url: String,
    /// The value of the header `authorization`.
    authorization: Option<String>,
    #[serde(default)]
    trap: bool,
}

/// Lets through what a server answers with 200.
fn reads(input: Reads, _: &Transition) -> Result<Verdict, Failure> {
    let mut request = http::get(&input.url);
    if let Some(authorization) = input.authorization {
        request = request.header("authorization", authorization);
    }
    let status = request.send()?.status();
    if input.trap {
        std::process::abort();
    }
    Ok(if status == 200 { Verdict::Allow } else { Verdict::deny(format!("the server answers {status}")) })
}

#[derive(Deserialize)]
struct Greedy {
    item: String,
}

/// Looks at an item, tries to change things, and says what came of each.
fn greedy(input: Greedy, _: &Transition) -> Verdict {
    let item = &input.item;
    let said = json!({
        "get": items::get(item).map_or_else(|error| error.to_string(), |item| item["key"].to_string()),
        "find": items::query().find().map_or_else(|error| error.to_string(), |found| found.len().to_string()),
        "update": items::update(item, &json!({ "title": "mine" })).map_err(|error| error.to_string()).err(),
        "transition": items::transition(item, "Greedy", None).map_err(|error| error.to_string()).err(),
        "kv": kv::get("a").map_err(|error| error.to_string()).err(),
    });
    Verdict::deny(said.to_string())
}

#[derive(Deserialize)]
struct Tell {
    secret: String,
}

/// Says a secret out loud.
fn tell(input: Tell, _: &Transition) -> Result<Verdict, Failure> {
    Ok(Verdict::deny(format!("it is {}", secrets::reveal(&input.secret)?)))
}

/// Says why on standard error, and traps.
fn trap(_: IgnoredAny, _: &Transition) -> Verdict {
    eprintln!("I have seen enough");
    std::process::abort()
}

fn spin(_: IgnoredAny, _: &Transition) -> Verdict {
    let mut rounds = 0_u64;
    loop {
        rounds = black_box(rounds.wrapping_add(1));
    }
}

#[derive(Deserialize)]
struct Sleep {
    ms: u64,
}

fn sleep_for(input: Sleep, _: &Transition) -> Verdict {
    sleep(Duration::from_millis(input.ms));
    Verdict::Allow
}

/// Sleeps longer than its manifest says that it takes.
fn hasty(_: IgnoredAny, _: &Transition) -> Verdict {
    sleep(Duration::from_secs(60));
    Verdict::Allow
}
