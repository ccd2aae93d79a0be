//! Ended runs once more: what was done is kept and never done again, across a restart, and the rest sees what it would
//! have seen.

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::sink::Sink;
use crate::world::World;

/// A run that pays, keeps a file, and then stops where a value is not set.
async fn broken(sink: &Sink) -> (World, String) {
    let world = World::start().await;
    let grant = format!("http: [{{ scheme: http, host: 127.0.0.1, port: {} }}]", sink.port);
    let plugins = format!(
        "model_version: \"1.0\"\nplugins: {{ ./tools/probe.wasm: {{ grants: {{ {grant}, artifacts: {{ access: write }}, workspace: {{ access: write }} }} }} }}\n"
    );
    world.push(&[(".kiket/plugins.yaml", &plugins)]);
    world.add_project().await;
    let url = sink.url("pay");
    let stages = format!(
        "stages:
  pay: {{ uses: ./tools/probe.wasm/pay, with: {{ url: '{url}', parts: 1 }} }}
  keep: {{ uses: ./tools/probe.wasm/keep, with: {{ files: {{ a.txt: hello }} }} }}
  talk: {{ uses: ./tools/probe.wasm/count, with: {{ lines: 3, text: kept }} }}
  go:
    needs: [pay, keep, talk]
    uses: ./tools/probe.wasm/echo
    with: {{ go: '${{{{ env.GO }}}}', digest: '${{{{ stages.keep.outputs.digest }}}}' }}
  last: {{ needs: [go], uses: ./tools/probe.wasm/noop }}
"
    );
    let run = world.run_pipeline(&stages).await;
    assert_eq!(world.finish(&run).await["status"], "failed");
    assert_eq!(sink.payments().len(), 1);
    (world, run)
}

async fn start(world: &World, path: &str, body: Json) -> (StatusCode, Json) {
    let answer = world.post(path).json(&body).send().await.expect("the server answers");
    (answer.status(), answer.json().await.expect("JSON"))
}

/// What happened to a run, a line an event, without what differs from run to run.
async fn story(world: &World, run: &str) -> String {
    let frames = world.follow(run, None).await;
    let line = |frame: &crate::world::Frame| {
        let stage = frame.data["stage"].as_str().unwrap_or_default();
        let kept = if frame.data["kept_from"].is_string() { " (kept)" } else { "" };
        format!("{} {stage}{kept}", frame.kind).trim_end().to_owned()
    };
    let told = frames.iter().filter(|frame| frame.data["seq"].is_number() || frame.id.is_none());
    told.map(line).collect::<Vec<_>>().join("\n")
}

fn stage<'r>(run: &'r Json, id: &str) -> &'r Json {
    run["stages"].as_array().expect("stages").iter().find(|stage| stage["id"] == id).expect("the stage")
}

#[tokio::test]
async fn a_run_goes_on_from_the_failed_stage_and_pays_nothing_twice() {
    let sink = Sink::open().await;
    let (mut world, run) = broken(&sink).await;
    world.ok_empty(world.put("/projects/shop/env/GO").json(&json!({ "value": "now" }))).await;
    world.kill();
    world.boot();
    let (status, accepted) = start(&world, &format!("/runs/{run}/resume"), json!({})).await;
    assert_eq!((status, &accepted["status"]), (StatusCode::ACCEPTED, &json!("queued")), "{accepted:#}");
    assert_eq!((&accepted["resumed_from"], &accepted["kept"]), (&json!(run), &json!(["pay", "keep", "talk"])));
    let new = accepted["id"].as_str().unwrap();
    let mut told: Vec<String> = story(&world, new).await.lines().map(str::to_owned).collect();
    // The first three ended in whichever order.
    told[1..4].sort();
    insta::assert_snapshot!(told.join("\n"), @r"
    run.queued
    stage.succeeded keep (kept)
    stage.succeeded pay (kept)
    stage.succeeded talk (kept)
    stage.ready go
    run.started
    stage.started go
    stage.succeeded go
    stage.ready last
    stage.started last
    stage.succeeded last
    run.succeeded
    end
    ");
    assert_eq!(sink.payments().len(), 1, "what was paid was paid again");
    let (old, done) = (world.ok(world.get(&format!("/runs/{run}"))).await, world.finish(new).await);
    assert_eq!(old["status"], "failed", "an ended run never changes");
    for id in ["pay", "keep", "talk"] {
        assert_eq!(stage(&done, id)["outputs"], stage(&old, id)["outputs"]);
        assert_eq!((&stage(&done, id)["kept_from"], &stage(&done, id)["attempt"]), (&json!(run), &json!(0)));
    }
    assert_eq!(stage(&done, "go")["outputs"]["input"]["digest"], stage(&old, "keep")["outputs"]["digest"]);
    assert_eq!((&done["commit"], &done["revision"]), (&old["commit"], &old["revision"]));
    // What was kept was written where it was done.
    let log = world.get(&format!("/runs/{new}/stages/talk/log")).send().await.unwrap().text().await.unwrap();
    assert_eq!(log.lines().count(), 3, "{log}");
    let artifacts = world.ok(world.get(&format!("/runs/{run}/artifacts"))).await;
    let digest = artifacts["data"][0]["digest"].as_str().unwrap().to_owned();
    let file = world.get(&format!("/projects/shop/artifacts/{digest}")).send().await.unwrap();
    assert_eq!(file.status(), StatusCode::OK);
    world.end().await;
}

#[tokio::test]
async fn a_retry_keeps_what_was_done_or_nothing_and_a_key_starts_one() {
    let sink = Sink::open().await;
    let (world, run) = broken(&sink).await;
    let retry =
        |body: Json| world.post(&format!("/runs/{run}/retry")).header("Idempotency-Key", "again").json(&body).send();
    let first: Json = retry(json!({})).await.unwrap().json().await.unwrap();
    let second = retry(json!({})).await.unwrap();
    assert_eq!(
        (second.status(), &second.headers()["idempotency-replayed"]),
        (StatusCode::ACCEPTED, &"true".parse().unwrap())
    );
    assert_eq!(second.json::<Json>().await.unwrap(), first);
    let other = retry(json!({ "from_start": true })).await.unwrap();
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(other.json::<Json>().await.unwrap()["code"], "idempotency_mismatch");
    assert_eq!(world.finish(first["id"].as_str().unwrap()).await["status"], "failed");
    assert_eq!(sink.payments().len(), 1);

    world.ok_empty(world.put("/projects/shop/env/GO").json(&json!({ "value": "now" }))).await;
    let (_, whole) = start(&world, &format!("/runs/{run}/retry"), json!({ "from_start": true })).await;
    let whole = world.finish(whole["id"].as_str().unwrap()).await;
    assert_eq!((&whole["status"], &whole["resumed_from"]), (&json!("succeeded"), &json!(run)));
    assert_eq!(sink.payments().len(), 2, "everything was done again");

    let done = whole["id"].as_str().unwrap();
    let (status, problem) = start(&world, &format!("/runs/{done}/retry"), json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("nothing_left")));
    let (status, problem) = start(&world, &format!("/runs/{done}/resume"), json!({ "from": "nope" })).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    let (_, from) = start(&world, &format!("/runs/{done}/resume"), json!({ "from": "go" })).await;
    assert_eq!(from["kept"], json!(["pay", "keep", "talk"]));
    assert_eq!(world.finish(from["id"].as_str().unwrap()).await["status"], "succeeded");
    assert_eq!(sink.payments().len(), 2);

    // The newest definitions know another pipeline by that name.
    let text = "model_version: \"1.0\"\npipeline: { id: p }\nstages: { only: { uses: ./tools/probe.wasm/noop } }\n";
    let commit = world.push(&[(".kiket/pipelines/p.yaml", text)]);
    world.ok(world.post("/projects/shop/sync")).await;
    let (_, newest) = start(&world, &format!("/runs/{run}/retry"), json!({ "newest": true })).await;
    let newest = world.finish(newest["id"].as_str().unwrap()).await;
    assert_eq!((&newest["status"], &newest["commit"]), (&json!("succeeded"), &json!(commit)));
    assert_eq!(newest["stages"].as_array().unwrap().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_replay_folds_the_events_again_and_starts_nothing() {
    let sink = Sink::open().await;
    let (world, run) = broken(&sink).await;
    let all = world.ok(world.post(&format!("/runs/{run}/replay"))).await;
    assert_eq!(
        (&all["same"], &all["status"], &all["seq"]),
        (&json!(true), &json!("failed"), &all["events"]),
        "{all:#}"
    );
    let first = world.ok(world.post(&format!("/runs/{run}/replay")).json(&json!({ "until": 1 }))).await;
    assert_eq!((&first["same"], &first["status"]), (&json!(true), &json!("queued")));
    assert_eq!(stage(&first, "pay")["status"], "pending");
    let (status, problem) = start(&world, &format!("/runs/{run}/replay"), json!({ "until": 1_000 })).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("invalid_seq")));
    assert_eq!(world.ok(world.get("/runs")).await["data"].as_array().unwrap().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_run_that_goes_on_or_that_an_item_waited_for_is_not_repeated() {
    let world = World::start().await;
    world.add_project().await;
    let workflow = "model_version: \"1.0\"
workflow: { id: release, name: Release }
states: { open: { type: initial, category: pending }, done: { type: final, category: completed } }
transitions:
  - from: open
    to: done
    name: Ship
    wait: true
    actions: [{ uses: ./tools/probe.wasm/fail, with: { kind: permanent, message: no } }]
";
    world.push(&[(".kiket/workflows/release.yaml", workflow)]);
    let run = world.run_pipeline("stages: { ask: { approval: {} } }").await;
    let (status, problem) = start(&world, &format!("/runs/{run}/resume"), json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("run_not_ended")));
    world.ok(world.post(&format!("/runs/{run}/cancel"))).await;
    let item = world.ok(world.post("/projects/shop/items").json(&json!({ "title": "v1" }))).await;
    let moved = world.post(&format!("/items/{}/transitions", item["id"].as_str().unwrap()));
    let moved = world.ok(moved.json(&json!({ "name": "Ship" }))).await;
    let waited = moved["runs"][0].as_str().unwrap().to_owned();
    world.finish(&waited).await;
    let (status, problem) = start(&world, &format!("/runs/{waited}/retry"), json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("item_gone_on")), "{problem:#}");
    world.end().await;
}

#[tokio::test]
async fn the_command_line_repeats_runs() {
    let sink = Sink::open().await;
    let (world, run) = broken(&sink).await;
    let kiket = async |arguments: &[&str]| {
        let mut command = world.kiket(arguments);
        let output = tokio::task::spawn_blocking(move || command.output().expect("kiket runs")).await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    world.ok_empty(world.put("/projects/shop/env/GO").json(&json!({ "value": "now" }))).await;
    let (code, _, error) = kiket(&["runs", "resume", &run, "--from", "og"]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("there is no stage `og`") && error.contains("help: "), "{error}");
    let (code, watched, error) = kiket(&["runs", "resume", &run, "--watch"]).await;
    assert_eq!(code, Some(0), "{watched}{error}");
    assert!(watched.contains(&format!("pay > kept from {run}")) && watched.contains("go > started"), "{watched}");
    let (code, told, _) = kiket(&["runs", "retry", &run, "--json", "--key", "k"]).await;
    let told: Json = serde_json::from_str(&told).expect("JSON");
    assert_eq!((code, &told["resumed_from"]), (Some(0), &json!(run)));
    world.finish(told["id"].as_str().unwrap()).await;
    let (code, told, _) = kiket(&["runs", "replay", &run, "--until", "1"]).await;
    assert_eq!(code, Some(0));
    assert!(told.starts_with(&format!("{run} was queued after event 1 of ")), "{told}");
    let (_, shown, _) = kiket(&["runs", "logs", &run, "talk", "--tail", "1"]).await;
    assert_eq!(shown.lines().count(), 1, "{shown}");
    let (code, _, error) = kiket(&["runs", "start", "shop", "q"]).await;
    assert_eq!((code, error.as_str()), (Some(1), "error: there is no pipeline `q`\nhelp: known here: p\n"));
    let (_, _, error) = kiket(&["runs", "start", "shpo", "p"]).await;
    assert_eq!(error, "error: there is no project `shpo`\nhelp: did you mean \"shop\"?\n");
    assert_eq!(sink.payments().len(), 1);
    world.end().await;
}
