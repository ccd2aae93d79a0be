//! What strangers send: deliveries that are not genuine, and requests that make no sense.

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::world::{World, sign};

#[tokio::test]
async fn only_genuine_deliveries_are_taken_and_each_only_once() {
    let world = World::start().await;
    world.add_project().await;
    let text =
        "model_version: \"1.0\"\npipeline: { id: p, on: push }\nstages: { a: { uses: ./tools/probe.wasm/noop } }\n";
    let commit = world.push(&[(".kiket/pipelines/p.yaml", text)]);
    let body = world.payload(&commit);
    for signature in ["", "sha256=", "sha256=00", &sign("another secret", &body), &sign(crate::world::SECRET, b"{}")] {
        let answer = world.hook("one", signature, body.clone()).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.json::<Json>().await.unwrap()["code"], "invalid_signature");
    }
    let copies = futures::future::join_all((0..12).map(|_| world.deliver("one", body.clone()))).await;
    let taken = copies.iter().filter(|answer| answer.status() == StatusCode::ACCEPTED).count();
    let known = copies.iter().filter(|answer| answer.status() == StatusCode::OK).count();
    assert_eq!((taken, known), (1, 11));
    assert_eq!(world.deliver("two", body).await.status(), StatusCode::ACCEPTED);
    let run = world.run_of(&commit).await;
    world.finish(&run).await;
    // The second delivery of the same push is settled without a second run.
    let other = world.push(&[("x", "y")]);
    world.deliver("three", world.payload(&other)).await;
    world.run_of(&other).await;
    assert_eq!(world.ok(world.get("/runs")).await["data"].as_array().unwrap().len(), 2);
    world.end().await;
}

#[tokio::test]
async fn payloads_that_are_not_pushes_change_nothing() {
    let world = World::start().await;
    world.add_project().await;
    let bodies: [&[u8]; 8] = [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        br#"{"ref":"refs/tags/v1","after":"1"}"#,
        br#"{"ref":"refs/heads/main","after":"not a commit"}"#,
        br#"{"ref":"refs/heads/--upload-pack=x","after":"1111111111111111111111111111111111111111"}"#,
        br#"{"ref":"refs/heads/main","after":"1111111111111111111111111111111111111111"}"#,
    ];
    for (index, body) in bodies.iter().enumerate() {
        let answer = world.deliver(&format!("d{index}"), body.to_vec()).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
    }
    let run = world.run_pipeline("stages: { a: { uses: ./tools/probe.wasm/noop } }").await;
    world.finish(&run).await;
    assert_eq!(world.ok(world.get("/runs")).await["data"].as_array().unwrap().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn nonsense_gets_the_fitting_answer_and_never_a_5xx() {
    let world = World::start().await;
    world.add_project().await;
    let run = "run_01jd3v7k2mfq9x8y5t4r6s0abc";
    let routes = [
        (Method::GET, "/projects"),
        (Method::POST, "/projects"),
        (Method::GET, "/projects/shop"),
        (Method::POST, "/projects/shop/sync"),
        (Method::GET, "/projects/shop/revisions"),
        (Method::GET, "/projects/shop/revisions/rev_01jd3v7k2mfq9x8y5t4r6s0abc"),
        (Method::PATCH, "/projects/shop"),
        (Method::GET, "/projects/shop/deliveries"),
        (Method::GET, "/projects/shop/events"),
        (Method::POST, "/projects/shop/pipelines/p/runs"),
        (Method::GET, "/projects/shop/secrets"),
        (Method::PUT, "/projects/shop/secrets/TOKEN"),
        (Method::DELETE, "/projects/shop/secrets/TOKEN"),
        (Method::GET, "/projects/shop/env"),
        (Method::GET, "/projects/shop/env/REGION"),
        (Method::PUT, "/projects/shop/env/REGION"),
        (Method::DELETE, "/projects/shop/env/REGION"),
        (Method::GET, "/runs"),
        (Method::GET, &format!("/runs/{run}")),
        (Method::POST, "/runs"),
        (Method::POST, &format!("/runs/{run}/cancel")),
        (Method::POST, &format!("/runs/{run}/retry")),
        (Method::POST, &format!("/runs/{run}/resume")),
        (Method::POST, &format!("/runs/{run}/replay")),
        (Method::GET, &format!("/runs/{run}/stages/a/log")),
        (Method::GET, &format!("/runs/{run}/events")),
        (Method::GET, "/events"),
    ];
    for (method, path) in &routes {
        for token in [None, Some("junk"), Some("kkt_admin_0000000000000000000000000000000000000000000000000")] {
            let request = world.bare(method.clone(), &format!("/api/v1{path}"));
            let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path} with {token:?}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
        }
    }
    let cases = [
        (world.get("/nothing"), 404),
        (world.get("/runs/junk"), 404),
        (world.get(&format!("/runs/{run}")), 404),
        (world.get(&format!("/runs/{run}/events")), 404),
        (world.post(&format!("/runs/{run}/cancel")), 404),
        (world.post(&format!("/runs/{run}/retry")), 404),
        (world.post(&format!("/runs/{run}/resume")), 404),
        (world.post(&format!("/runs/{run}/replay")), 404),
        (world.post(&format!("/runs/{run}/resume")).body("[1]"), 400),
        (world.get("/projects/nobody"), 404),
        (world.get("/projects/shop/revisions/rev_junk"), 404),
        (world.get("/runs?limit=x"), 400),
        (world.get("/runs?cursor=x"), 400),
        (world.get("/runs?project=nobody"), 404),
        (world.post(&format!("/runs/{run}")), 405),
        (world.post("/runs"), 415),
        (world.post("/runs").json(&json!({"project": "shop"})), 422),
        (world.post("/runs").json(&json!({"project": "shop", "definition": 1})), 422),
        (world.post("/runs").json(&json!({"project": "shop", "definition": "{"})), 409),
        (world.post("/projects").body("{"), 415),
        (world.post("/projects").header("content-type", "application/json").body("{"), 400),
        (world.post("/projects").json(&json!({"name": "x"})), 422),
        (world.post("/projects").json(&json!({"name": "A B", "url": "file:///x"})), 422),
        (world.post("/projects").json(&json!({"name": "x", "url": "ext::sh -c x"})), 422),
        (world.post("/projects").json(&json!({"name": "x", "url": "file:///x", "hook_secret": "short"})), 422),
        (world.post("/projects").json(&json!({"name": "shop", "url": "file:///x"})), 409),
        (world.post("/projects/shop/pipelines/p/runs"), 409),
        (world.post("/projects/shop/sync").body("[1]"), 400),
        (world.post("/projects").body(vec![b' '; 2 << 20]).header("content-type", "application/json"), 413),
    ];
    for (request, expected) in cases {
        let answer = request.send().await.unwrap();
        let (status, url) = (answer.status(), answer.url().clone());
        let body: Json = answer.json().await.unwrap_or_else(|_| panic!("{url} answers with JSON"));
        assert_eq!(status.as_u16(), expected, "{url}: {body}");
        assert!(body["code"].is_string() && body["detail"].is_string(), "{url}: {body}");
    }
    let large = world.deliver("large", vec![b' '; 26 << 20]).await;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(world.bare(Method::GET, "/up").send().await.unwrap().status(), StatusCode::OK);
    world.end().await;
}

#[tokio::test]
async fn an_idempotency_key_starts_one_run() {
    let world = World::start().await;
    world.add_project().await;
    let run = world.run_pipeline("stages: { a: { uses: ./tools/probe.wasm/noop } }").await;
    world.finish(&run).await;
    let ask = || world.ok(world.post("/projects/shop/pipelines/p/runs").header("Idempotency-Key", "k1"));
    let answers = futures::future::join_all((0..8).map(|_| ask())).await;
    assert!(answers.iter().all(|answer| answer["id"] == answers[0]["id"]), "{answers:?}");
    world.finish(answers[0]["id"].as_str().unwrap()).await;
    world.end().await;
}
