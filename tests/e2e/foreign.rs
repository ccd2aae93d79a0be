//! Guests that are not written in Rust: built by their languages' own tools against `wit/`, run as stages and guards.
//!
//! What both languages show is here; what only one of them has is in a file of its own.

mod build;
mod guards;
mod javascript;
mod python;

use serde_json::{Value as Json, json};

use crate::plugins::{Receiver, error, log, run, says, stage};
use crate::world::World;

/// A world whose repository has a foreign guest as `tools/guest.wasm`, with these grants.
async fn world(language: &str, grants: &str) -> World {
    let component = tokio::task::spawn_blocking({
        let language = language.to_owned();
        move || build::guest(&language)
    });
    let component = component.await.expect("the guest is built");
    let world = World::start().await;
    std::fs::copy(component, world.work().join("tools/guest.wasm")).expect("the guest is built");
    let plugins = format!("model_version: \"1.0\"\nplugins: {{ ./tools/guest.wasm: {{ grants: {{ {grants} }} }} }}\n");
    world.push(&[(".kiket/plugins.yaml", &plugins)]);
    world.add_project().await;
    world
}

/// A stage that calls the guest.
fn call(action: &str, with: Json) -> Json {
    json!({ "uses": format!("./tools/guest.wasm/{action}"), "with": with })
}

/// Input, output, log, kept values, the clock, and what is printed.
async fn an_action_does_its_work(language: &str) {
    let world = world(language, "kv: { quota: 1KiB }").await;
    let mut second = call("greet", json!({ "name": "Grace" }));
    second["needs"] = json!(["first"]);
    let (id, state) = run(&world, &[("first", call("greet", json!({ "name": "Ada" }))), ("second", second)]).await;
    assert_eq!(state["status"], "succeeded", "{state:#}");
    let outputs = |id| &stage(&state, id)["outputs"];
    let at = outputs("second")["at"].as_u64().expect("a time");
    assert_eq!(outputs("first")["text"], json!("Grüße, Ada!"));
    assert_eq!(*outputs("second"), json!({ "text": "Grüße, Grace!", "count": 2, "at": at, "stage": "second" }));
    assert!(at > outputs("first")["at"].as_u64().expect("a time"));
    let told = log(&world, &id, "first").await;
    for line in ["greeting Ada", "printed to stdout", "printed to stderr"] {
        assert!(told.lines().any(|told| told.ends_with(line)), "{line} is missing in\n{told}");
    }
    world.end().await;
}

/// `kiket:plugin/http`, granted and not; and what becomes of a denial that the guest does not catch.
async fn a_request_needs_its_grant(language: &str, uncaught: (&str, &str)) {
    let receiver = Receiver::open(|seen| says(201, format!("{} {}", seen.method, seen.body))).await;
    let world = world(language, &receiver.grant()).await;
    let stages = [
        ("granted", call("send", json!({ "url": receiver.url("in"), "method": "POST", "body": "Öl" }))),
        ("denied", call("send", json!({ "url": "http://127.0.0.1:9/" }))),
        ("kept", call("greet", json!({ "name": "Ada" }))),
    ];
    let (id, state) = run(&world, &stages).await;
    assert_eq!(stage(&state, "granted")["outputs"], json!({ "status": 201, "body": "POST Öl" }), "{state:#}");
    let seen = receiver.seen();
    assert_eq!(seen.iter().map(|seen| seen.header("idempotency-key")).collect::<Vec<_>>(), [format!("{id}/granted")]);
    let (code, message) = error(&state, "denied");
    assert_eq!(code, "denied");
    assert!(message.contains("to allow it, add `{ scheme: http, host: \"127.0.0.1\", port: 9"), "{message}");
    let (code, message) = error(&state, "kept");
    assert!(code == uncaught.0 && message.contains(uncaught.1), "{code}: {message}");
    world.end().await;
}

/// What a guest says of its failure decides, and what it throws is told whole. `trace` is what the log shows of the
/// twenty calls that led there, and `thrown` the error's code and the exception itself.
async fn a_failure_says_what_kind_it_is_and_an_exception_is_told_whole(
    language: &str,
    trace: &[&str],
    thrown: (&str, &str),
) {
    let (expected, last) = thrown;
    let world = world(language, "").await;
    let fail = |kind: &str| call("fail", json!({ "kind": kind, "message": format!("it was {kind}, öfter") }));
    let kinds = ["invalid_input", "permanent", "denied", "transient"];
    let mut stages: Vec<(&str, Json)> = kinds.iter().map(|kind| (*kind, fail(kind))).collect();
    stages.push(("throw", call("throw", json!({ "message": "no such luck, größer" }))));
    let (id, state) = run(&world, &stages).await;
    for kind in kinds {
        assert_eq!(error(&state, kind), (kind, &*format!("it was {kind}, öfter")), "{state:#}");
    }
    let (code, message) = error(&state, "throw");
    let told = log(&world, &id, "throw").await;
    println!("{message}\n--\n{told}\n==");
    assert_eq!(code, expected);
    assert!(message.contains(last), "{last} is missing in\n{message}");
    for part in trace.iter().chain([&last]) {
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }
    world.end().await;
}

/// Random numbers are those of the run and the stage, whatever the attempt.
async fn random_numbers_belong_to_run_and_stage(language: &str) {
    let world = world(language, "").await;
    let mut again = call("roll", json!({ "until_attempt": 2 }));
    again["retry"] = json!({ "max_attempts": 2, "backoff": "10ms" });
    let (id, state) = run(&world, &[("again", again), ("other", call("roll", json!({})))]).await;
    assert_eq!(state["status"], "succeeded", "{state:#}");
    let told = log(&world, &id, "again").await;
    let rolled: Vec<&str> =
        told.lines().filter_map(|line| line.split_once("rolled ")).map(|(_, rolled)| rolled).collect();
    assert!(rolled.len() == 2 && rolled[0] == rolled[1], "{told}");
    let outputs = |id| stage(&state, id)["outputs"].clone();
    assert_ne!(outputs("again"), outputs("other"));
    let (_, later) = run(&world, &[("again", call("roll", json!({})))]).await;
    assert_ne!(outputs("again"), stage(&later, "again")["outputs"], "another run");
    world.end().await;
}
