//! Values that plugins keep, and effects that a plugin can find again.

use serde_json::{Value as Json, json};

use super::receiver::{Receiver, says};
use super::{error, run, stage, world};

fn kept(with: Json) -> Json {
    json!({ "uses": "./tools/probe.wasm/kept", "with": with })
}

#[tokio::test]
async fn a_plugin_keeps_values_for_its_project_within_its_quota() {
    let kv = "grants: { kv: { quota: 1KiB } }";
    let grants = format!("./tools/probe.wasm: {{ {kv} }}, ./tools/other.wasm: {{ {kv} }}");
    let mut world = world(&grants, &[]).await;
    std::fs::copy(crate::world::probe(), world.work().join("tools/other.wasm")).expect("a second plugin");
    // They count at once, and lose nothing.
    let count = || kept(json!({ "do": "count", "key": "runs" }));
    let (_, state) = run(&world, &[("a", count()), ("b", count()), ("c", count()), ("d", count())]).await;
    assert_eq!(state["status"], "succeeded", "{state:#}");
    world.kill();
    world.boot();

    let after = |mut stage: Json| {
        stage["needs"] = json!(["count"]);
        stage
    };
    let (_, state) = run(
        &world,
        &[
            ("count", count()),
            ("other", json!({ "uses": "./tools/other.wasm/kept", "with": { "do": "get", "key": "runs" } })),
            ("large", after(kept(json!({ "do": "set", "key": "large", "value": "x".repeat(1024) })))),
            ("keys", after(kept(json!({ "do": "keys", "prefix": "r", "limit": 10 })))),
            ("swap", after(kept(json!({ "do": "swap", "key": "new", "expected": "x", "value": "y" })))),
            ("gone", after(kept(json!({ "do": "remove", "key": "never" })))),
            ("long", kept(json!({ "do": "get", "key": "k".repeat(257) }))),
        ],
    )
    .await;
    let outputs = |id| stage(&state, id)["outputs"].clone();
    assert_eq!(outputs("count"), json!({ "value": 5 }), "{state:#}");
    assert_eq!(outputs("other"), json!({ "value": null }), "another plugin has its own");
    assert_eq!(outputs("keys"), json!({ "keys": ["runs"] }));
    assert_eq!((outputs("swap"), outputs("gone")), (json!({ "done": false }), json!({ "done": false })));
    assert_eq!(
        error(&state, "large"),
        (
            "permanent",
            "`./tools/probe.wasm` would keep 1034 bytes for this project, 1024 are granted: `kv: { quota: … }` in \
             `.kiket/plugins.yaml` grants more"
        )
    );
    assert_eq!(error(&state, "long"), ("permanent", "a key has 1 to 256 bytes, this one has 257"));
    world.end().await;
}

#[tokio::test]
async fn nothing_is_kept_without_a_grant() {
    let world = world("", &[]).await;
    let (_, state) = run(&world, &[("a", kept(json!({ "do": "set", "key": "k", "value": "v" })))]).await;
    let (code, message) = error(&state, "a");
    assert_eq!(code, "denied");
    assert!(message.contains("add `kv: { quota: 1MiB }` to this plugin's `grants`"), "{message}");
    world.end().await;
}

/// Cuts off a transfer, and returns the stage after the plugin was asked what became of it, and how often it was made.
async fn cut_off(found: &'static str) -> (Json, usize) {
    let receiver = Receiver::open(move |seen| match seen.method.as_str() {
        "GET" => says(if found == "who knows" { 404 } else { 200 }, found),
        // The first of them is never answered: its connection breaks.
        _ if seen.header("x-again").is_empty() && found != "no" => panic!("it breaks off, as it was told"),
        _ => says(200, "done"),
    })
    .await;
    let world = world(&format!("./tools/probe.wasm: {{ grants: {{ {} }} }}", receiver.grant()), &[]).await;
    let transfer = json!({ "uses": "./tools/probe.wasm/transfer", "with": { "url": receiver.url("transfer") } });
    let run = world.run_pipeline(&format!("stages:\n  a: {transfer}\n")).await;
    let state = world
        .until(async || {
            let state = world.ok(world.get(&format!("/runs/{run}"))).await;
            matches!(state["status"].as_str(), Some("succeeded" | "failed" | "needs_attention")).then_some(state)
        })
        .await;
    let made = receiver.seen().iter().filter(|seen| seen.method == "POST").count();
    world.end().await;
    (stage(&state, "a").clone(), made)
}

#[tokio::test]
async fn a_plugin_that_can_tell_is_asked_what_became_of_an_effect() {
    let (stage, _) = cut_off("yes").await;
    assert_eq!(
        (&stage["status"], &stage["outputs"]),
        (&json!("succeeded"), &json!({ "told_by": "the check" })),
        "{stage:#}"
    );
    let (stage, made) = cut_off("no").await;
    assert_eq!((&stage["outputs"], made), (&json!({ "told_by": "the answer" }), 1), "{stage:#}");
    let (stage, _) = cut_off("who knows").await;
    assert_eq!(stage["doubt"]["reason"], "the other side answered 404", "{stage:#}");
}
