//! What is read in parts: logs by stretches and as they come, lists by pages, and nothing twice that the asker has.

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::world::World;

async fn text(world: &World, path: &str) -> String {
    let answer = world.get(path).send().await.expect("the server answers");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.text().await.expect("text")
}

#[tokio::test]
async fn a_log_is_read_by_stretches_by_attempts_and_from_its_end() {
    let mut world = World::start().await;
    world.add_project().await;
    let run = world
        .run_pipeline("stages: { a: { uses: ./tools/probe.wasm/count, with: { lines: 2000, text: tick } } }")
        .await;
    world.finish(&run).await;
    world.kill();
    world.boot();
    let path = format!("/runs/{run}/stages/a/log");
    let all: Vec<String> = text(&world, &path).await.lines().map(str::to_owned).collect();
    assert_eq!(all.len(), 2000);
    for (query, lines) in [
        ("tail=3", &all[1997..]),
        ("tail=5000", &all[..]),
        ("tail=0", &all[..0]),
        ("tail=5&from=1999", &all[1998..]),
        ("from=1999", &all[1998..]),
        ("from=10&limit=5", &all[9..14]),
        ("limit=2", &all[..2]),
        ("attempt=1&tail=1", &all[1999..]),
        ("attempt=2", &all[..0]),
        ("tail=2&follow", &all[1998..]),
        ("from=9999", &all[..0]),
    ] {
        let got: Vec<String> = text(&world, &format!("{path}?{query}")).await.lines().map(str::to_owned).collect();
        assert_eq!(got, lines, "{query}");
    }
    for (query, first) in [("", "1"), ("tail=3", "1998"), ("from=10&limit=5", "10"), ("tail=5000", "1")] {
        let answer = world.get(&format!("{path}?{query}")).send().await.unwrap();
        assert_eq!(answer.headers()["kiket-log-from"], first, "{query}");
    }
    for query in ["from=0", "follow=perhaps", "tail=x", "lines=3"] {
        let answer = world.get(&format!("{path}?{query}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_log_is_followed_until_its_stage_ends() {
    let world = World::start().await;
    world.add_project().await;
    let run = world
        .run_pipeline(
            "stages:
  ask: { approval: {} }
  a: { needs: [ask], uses: ./tools/probe.wasm/count, with: { lines: 20, text: tick } }
  b: { needs: [a], approval: {} }
",
        )
        .await;
    world
        .until(async || (world.ok(world.get(&format!("/runs/{run}"))).await["status"] == "waiting").then_some(()))
        .await;
    let following = world.get(&format!("/runs/{run}/stages/a/log?follow")).send().await.unwrap();
    world.ok(world.post(&format!("/runs/{run}/stages/ask/approve"))).await;
    // It ends although the run does not.
    assert_eq!(following.text().await.unwrap().lines().count(), 20);
    world.ok(world.post(&format!("/runs/{run}/stages/b/approve"))).await;
    world.finish(&run).await;
    world.end().await;
}

#[tokio::test]
async fn lists_come_in_pages_that_follow_one_another() {
    let world = World::start().await;
    world.add_project().await;
    let run = world.run_pipeline("stages: { a: { uses: ./tools/probe.wasm/noop } }").await;
    world.finish(&run).await;
    for _ in 0..4 {
        let run = world.trigger("p").await;
        world.finish(&run).await;
        world.push(&[("more", "x")]);
        let synced = world.ok(world.post("/projects/shop/sync")).await;
        for run in synced["runs"].as_array().unwrap() {
            world.finish(run["id"].as_str().unwrap()).await;
        }
    }
    for list in ["/runs", "/projects/shop/revisions", "/projects/shop/definitions", "/projects"] {
        let whole = world.ok(world.get(&format!("{list}?limit=200"))).await;
        let (mut pages, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let next = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = world.ok(world.get(&format!("{list}?limit=2{next}"))).await;
            let data = page["data"].as_array().unwrap();
            assert!(data.len() <= 2);
            pages.extend(data.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        assert_eq!(json!(pages), whole["data"], "{list}");
        for limit in ["0", "201", "x", "-1"] {
            let answer = world.get(&format!("{list}?limit={limit}")).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{list} {limit}");
        }
    }
    for query in ["cursor=x", "status=done", "since=yesterday"] {
        let answer = world.get(&format!("/runs?{query}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    let count =
        async |query: &str| world.ok(world.get(&format!("/runs?{query}"))).await["data"].as_array().unwrap().len();
    let oldest = world.ok(world.get(&format!("/runs/{run}"))).await;
    let at = oldest["created_at"].as_str().unwrap();
    let all = count("limit=200").await;
    assert_eq!(count(&format!("since={at}&limit=200")).await, all);
    assert_eq!(count(&format!("until={at}")).await, 0);
    assert_eq!((count("ref=refs/heads/main&limit=200").await, count("ref=refs/heads/x").await), (all, 0));
    world.end().await;
}

#[tokio::test]
async fn nobody_is_sent_what_he_has() {
    let world = World::start().await;
    world.add_project().await;
    let run = world.run_pipeline("stages: { ask: { approval: {} } }").await;
    world
        .until(async || (world.ok(world.get(&format!("/runs/{run}"))).await["status"] == "waiting").then_some(()))
        .await;
    let ask = async |path: &str, tag: Option<&str>| {
        let request = world.get(path);
        let request = tag.iter().fold(request, |request, tag| request.header("If-None-Match", *tag));
        let answer = request.send().await.unwrap();
        (answer.status(), answer.headers()["etag"].to_str().unwrap().to_owned())
    };
    for path in [
        format!("/runs/{run}"),
        "/projects/shop/definitions".to_owned(),
        "/projects/shop/definitions/pipeline/p".to_owned(),
    ] {
        let (status, tag) = ask(&path, None).await;
        assert_eq!(status, StatusCode::OK);
        for list in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            assert_eq!(ask(&path, Some(&list)).await, (StatusCode::NOT_MODIFIED, tag.clone()), "{path} {list}");
        }
        assert_eq!(ask(&path, Some("\"x\"")).await.0, StatusCode::OK);
    }
    let (_, before) = ask(&format!("/runs/{run}"), None).await;
    world.ok(world.post(&format!("/runs/{run}/stages/ask/approve"))).await;
    let (status, after) = ask(&format!("/runs/{run}"), Some(&before)).await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(before, after);
    world.finish(&run).await;
    world.end().await;
}

#[tokio::test]
async fn a_key_is_for_one_request() {
    let world = World::start().await;
    world.add_project().await;
    let text = "model_version: \"1.0\"\npipeline: { id: p, inputs: { n: { default: 1 } } }\nstages: { a: { uses: ./tools/probe.wasm/noop } }\n";
    world.push(&[(".kiket/pipelines/p.yaml", text)]);
    world.ok(world.post("/projects/shop/sync")).await;
    let ask = |body: &str| {
        let request = world.post("/projects/shop/pipelines/p/runs").header("Idempotency-Key", "k");
        request.header("content-type", "application/json").body(body.to_owned()).send()
    };
    let first: Json = ask(r#"{"inputs":{"n":2}}"#).await.unwrap().json().await.unwrap();
    world.finish(first["id"].as_str().unwrap()).await;
    // The space between its parts is not what a request asks for; the answer is the first one, whatever came of it.
    let same: Json = ask(r#"{ "inputs": { "n": 2 } }"#).await.unwrap().json().await.unwrap();
    assert_eq!(same, first);
    let other = ask("{}").await.unwrap();
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(other.json::<Json>().await.unwrap()["code"], "idempotency_mismatch");
    world.end().await;
}
