//! What is old is forgotten, what is needed is not, and whoever follows is told.

use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::checker;
use crate::world::{Frame, World, parse};

const GRANTS: (&str, &str) = (
    ".kiket/plugins.yaml",
    "model_version: \"1.0\"\nplugins:\n  ./tools/probe.wasm:\n    \
     grants: { workspace: { access: write }, artifacts: { access: write } }\n",
);
const PIPELINES: [(&str, &str); 2] = [
    (
        ".kiket/pipelines/keeps.yaml",
        "model_version: \"1.0\"\npipeline: { id: keeps }\n\
         stages: { go: { uses: ./tools/probe.wasm/keep, with: { files: { a: b } } } }\n",
    ),
    (
        ".kiket/pipelines/waits.yaml",
        "model_version: \"1.0\"\npipeline: { id: waits }\n\
         stages: { ask: { approval: { message: well } }, go: { uses: ./tools/probe.wasm/noop, needs: [ask] } }\n",
    ),
];

async fn shop(retention: &str) -> World {
    let world = World::start_with(&[("KIKET_RETENTION", retention)]).await;
    world.push(&[GRANTS, PIPELINES[0], PIPELINES[1]]);
    world.add_project().await;
    world.ok(world.post("/projects/shop/sync")).await;
    world
}

/// Asks again and again: what is forgotten is in no log.
async fn poll<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            match ask().await {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(120), wait).await.expect("what the test waits for happens")
}

async fn status(world: &World, path: &str) -> StatusCode {
    world.get(path).send().await.expect("an answer").status()
}

async fn gone(world: &World, run: &str) {
    poll(async || (status(world, &format!("/runs/{run}")).await == StatusCode::NOT_FOUND).then_some(())).await;
}

fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

#[tokio::test]
async fn a_run_older_than_the_retention_is_gone_and_its_artifacts_too() {
    let world = shop("1s").await;
    let waits = world.trigger("waits").await;
    let keeps = world.trigger("keeps").await;
    // Its end, and with it the artifact, may be gone before anybody has looked.
    let artifacts = world.data().join("artifacts");
    gone(&world, &keeps).await;
    for path in ["events", "artifacts", "stages/go/log"] {
        assert_eq!(status(&world, &format!("/runs/{keeps}/{path}")).await, StatusCode::NOT_FOUND, "{path}");
    }
    poll(async || (files(&artifacts) == 0).then_some(())).await;
    // What has not ended stays, however old it is, and goes on.
    world.ok(world.post(&format!("/runs/{waits}/stages/ask/approve")).json(&json!({}))).await;
    gone(&world, &waits).await;
    let audit = world.ok(world.get("/audit")).await;
    let acts = audit["data"].as_array().expect("a list").iter().map(|act| act["act"].as_str().expect("an act"));
    assert!(acts.collect::<Vec<_>>().contains(&"stage.approve"), "what people did is kept for longer: {audit:#}");
    world.end_having_forgotten().await;
}

/// The first frames of a stream, until one passes.
async fn frames(world: &World, path: &str, after: Option<i64>, until: impl Fn(&Frame) -> bool) -> Vec<Frame> {
    let mut request = world.get(path);
    if let Some(after) = after {
        request = request.header("Last-Event-ID", after.to_string());
    }
    let mut answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let mut text = String::new();
    loop {
        text += &String::from_utf8_lossy(&answer.chunk().await.expect("bytes").expect("the stream goes on"));
        let whole = &text[..text.rfind("\n\n").map_or(0, |end| end + 2)];
        let frames = parse(whole);
        if frames.iter().any(&until) {
            return frames;
        }
    }
}

#[tokio::test]
async fn a_subscriber_from_before_what_was_deleted_is_told_to_begin_anew() {
    let mut world = shop("1s").await;
    let old = world.trigger("keeps").await;
    let seen = world.get(&format!("/runs/{old}/events")).send().await.expect("an answer").text().await.expect("text");
    let first = parse(&seen).first().and_then(|frame| frame.id).expect("a position");
    gone(&world, &old).await;
    // From here on everything is kept, and what was sent before is in nobody's memory.
    world.kill();
    world.set_environment("KIKET_RETENTION", "30d");
    world.boot();
    let new = world.trigger("keeps").await;
    world.finish(&new).await;

    let is_end = |frame: &Frame| frame.kind == "run.succeeded";
    for path in ["/projects/shop/events", "/events"] {
        let told = frames(&world, path, Some(first), is_end).await;
        assert_eq!((told[0].kind.as_str(), told[0].id), ("reset", None), "{told:?}");
        let cut = told[0].data["position"].as_i64().expect("a position");
        assert!(cut > first, "{told:?}");
        assert!(told[1..].iter().all(|frame| frame.kind != "reset" && frame.id > Some(first)), "{told:?}");
        assert!(told.iter().any(|frame| frame.data["run"] == new.as_str() && frame.kind == "run.queued"), "{told:?}");
        // Who has seen what was forgotten, and who asks for what there is, has missed nothing.
        for from in ["?from=start".to_owned(), format!("?from={cut}")] {
            let told = frames(&world, &format!("{path}{from}"), None, is_end).await;
            assert!(told.iter().all(|frame| frame.kind != "reset"), "{told:?}");
        }
    }
    // A run is whole, or it is not there.
    let told = frames(&world, &format!("/runs/{new}/events"), Some(first), |frame| frame.kind == "end").await;
    assert!(told.iter().all(|frame| frame.kind != "reset"), "{told:?}");
    world.end_having_forgotten().await;
}

#[tokio::test]
async fn a_server_that_is_killed_while_it_forgets_has_forgotten_whole_runs_only() {
    let mut world = shop("30d").await;
    let runs = 150;
    let started: Vec<String> = futures::future::join_all((0..runs).map(|_| world.trigger("keeps"))).await;
    for run in &started {
        world.finish(run).await;
    }
    let waits = world.trigger("waits").await;
    world.set_environment("KIKET_RETENTION", "1s");
    let count = async |world: &World| {
        let listed = world.get("/runs?limit=200&pipeline=keeps").send().await.expect("an answer");
        let listed: Json = listed.json().await.expect("JSON");
        listed["data"].as_array().map_or(0, Vec::len)
    };
    let mut left = runs;
    for _ in 0..5 {
        world.kill();
        world.boot();
        // As soon as anything more is forgotten, or nothing is left.
        left = poll(async || Some(count(&world).await).filter(|now| *now < left || *now == 0)).await;
        world.kill();
        assert_eq!(checker::violations(&world.data().join("kiket.db")).await, []);
        world.boot();
    }
    poll(async || (count(&world).await == 0).then_some(())).await;
    poll(async || (files(&world.data().join("artifacts")) == 0).then_some(())).await;
    world.ok(world.get(&format!("/runs/{waits}"))).await;
    world.end_having_forgotten().await;
}
