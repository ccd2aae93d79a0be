//! Tokens: what they see, when they end, what is written down of what they did, and what stands in for them.

mod table;

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::world::World;

const WORKFLOW: &str = "model_version: \"1.0\"
workflow: { id: release, name: Release }
states:
  open: { type: initial, category: pending }
  done: { type: final, category: completed }
transitions:
  - { from: open, to: done, name: Finish }
";
const PIPELINE: &str = "model_version: \"1.0\"
pipeline: { id: p }
stages: { one: { uses: ./tools/probe.wasm/noop } }
";

async fn token(world: &World, body: Json) -> (String, String) {
    let made = world.ok(world.post("/tokens").json(&body)).await;
    let text = |key: &str| made[key].as_str().expect("a token has it").to_owned();
    (text("id"), text("token"))
}

/// A shop with an item and a run that has ended; what the table's names stand for in it.
async fn shop() -> (World, BTreeMap<&'static str, String>) {
    let world = World::start().await;
    world.add_project().await;
    world.push(&[(".kiket/workflows/release.yaml", WORKFLOW), (".kiket/pipelines/p.yaml", PIPELINE)]);
    let synced = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(synced["revision"]["status"], "active", "{synced:#}");
    let other = json!({ "name": "other", "url": world.origin() });
    world.ok(world.post("/projects").json(&other)).await;
    let run = world.trigger("p").await;
    world.finish(&run).await;
    let item = world.ok(world.post("/projects/shop/items").json(&json!({ "title": "one" }))).await;
    world.ok_empty(world.put("/projects/shop/env/REGION").json(&json!({ "value": "here" }))).await;
    let text = |value: &Json| value.as_str().expect("text").to_owned();
    let names = [
        ("project", "shop".to_owned()),
        ("run", run),
        ("revision", text(&synced["revision"]["id"])),
        ("item", text(&item["id"])),
        ("stage", "one".to_owned()),
        ("pipeline", "p".to_owned()),
        ("kind", "pipeline".to_owned()),
        ("id", "p".to_owned()),
        ("name", "REGION".to_owned()),
        ("digest", format!("sha256:{}", "0".repeat(64))),
        ("letter", "1".to_owned()),
        ("token", "tok_01jd3v7k2mfq9x8y5t4r6s0abc".to_owned()),
    ];
    (world, names.into_iter().collect())
}

#[tokio::test]
async fn a_limited_token_sees_only_its_own_project_in_lists_and_streams() {
    let (world, names) = shop().await;
    let (_, own) = token(&world, json!({ "name": "own", "scopes": ["read", "runs"], "project": "shop" })).await;
    let (_, other) = token(&world, json!({ "name": "other", "scopes": ["read"], "project": "other" })).await;
    let list = async |path: &str, token: &str| {
        let answer = world.ok(world.bare(Method::GET, path).bearer_auth(token)).await;
        answer["data"].as_array().expect("a list").len()
    };
    assert_eq!((list("/api/v1/projects", &own).await, list("/api/v1/projects", &other).await), (1, 1));
    assert_eq!((list("/api/v1/runs", &own).await, list("/api/v1/runs", &other).await), (1, 0));
    let runs = world.bare(Method::GET, "/api/v1/runs?project=shop").bearer_auth(&other);
    assert_eq!(runs.send().await.unwrap().status(), StatusCode::NOT_FOUND);

    let mut events = world.bare(Method::GET, "/api/v1/events?from=start").bearer_auth(&other).send().await.unwrap();
    let item = format!("/items/{}", names["item"]);
    world.ok(world.patch(&item).json(&json!({ "title": "unseen" }))).await;
    world.ok(world.post("/projects/other/sync")).await;
    world.ok_empty(world.put("/projects/other/env/SEEN").json(&json!({ "value": "1" }))).await;
    let mut text = String::new();
    while !text.contains("SEEN") {
        text += &String::from_utf8_lossy(&events.chunk().await.unwrap().expect("the stream goes on"));
    }
    assert!(!text.contains("\"shop\""), "{text}");
    world.end().await;
}

#[tokio::test]
async fn revoking_a_token_ends_it_at_once_with_what_is_being_sent_to_it() {
    let world = World::start().await;
    world.add_project().await;
    let (id, token) = token(&world, json!({ "name": "ci", "scopes": ["read"] })).await;
    let mut events = world.bare(Method::GET, "/api/v1/events").bearer_auth(&token).send().await.unwrap();
    events.chunk().await.unwrap().expect("the stream has begun");
    world.ok_empty(world.delete(&format!("/tokens/{id}"))).await;
    let again = world.bare(Method::GET, "/api/v1/projects").bearer_auth(&token).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
    while events.chunk().await.unwrap().is_some() {}
    world.end().await;
}

#[tokio::test]
async fn a_ticket_opens_its_stream_once_and_then_only_for_reconnects() {
    let (world, names) = shop().await;
    let path = format!("/api/v1/runs/{}/events", names["run"]);
    let ticket = async |stream: &str| {
        let made = world.ok(world.post("/tickets").json(&json!({ "stream": stream }))).await;
        made["ticket"].as_str().expect("a ticket").to_owned()
    };
    let open = async |path: &str, ticket: &str, last: Option<&str>| {
        let request = world.bare(Method::GET, &format!("{path}?ticket={ticket}"));
        let request = last.iter().fold(request, |request, last| request.header("Last-Event-ID", *last));
        request.send().await.expect("the server answers")
    };
    let one = ticket(&path).await;
    assert_eq!(open("/api/v1/events", &one, None).await.status(), 401, "it is for another stream");
    assert_eq!(open(&path, &one, None).await.status(), 200);
    assert_eq!(open(&path, &one, None).await.status(), 401, "it was used");
    assert_eq!(open(&path, &one, Some("1")).await.status(), 200, "browsers connect again");
    let elsewhere = format!("/api/v1/runs/{}", names["run"]);
    assert_eq!(open(&elsewhere, &one, Some("1")).await.status(), 401, "it opens nothing but a stream");

    // A reconnect takes over: one ticket never has two streams.
    let two = ticket("/api/v1/events").await;
    let mut first = open("/api/v1/events", &two, None).await;
    first.chunk().await.unwrap().expect("the stream has begun");
    let second = open("/api/v1/events", &two, Some("1")).await;
    assert_eq!(second.status(), 200);
    while first.chunk().await.unwrap().is_some() {}

    // A ticket does not outlive the token it was made with.
    let (id, token) = token(&world, json!({ "name": "web", "scopes": ["read"] })).await;
    let made = world.bare(Method::POST, "/api/v1/tickets").bearer_auth(&token);
    let made = world.ok(made.json(&json!({ "stream": path }))).await;
    world.ok_empty(world.delete(&format!("/tokens/{id}"))).await;
    assert_eq!(open(&path, made["ticket"].as_str().unwrap(), None).await.status(), 401);
    world.end().await;
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_when_to_come_back() {
    let world = World::start_with(&[("KIKET_RATE_LIMIT", "2")]).await;
    let (_, token) = token(&world, json!({ "name": "busy", "scopes": ["read"] })).await;
    let ask = async |token: &str| {
        world.bare(Method::GET, "/api/v1/projects").bearer_auth(token).send().await.expect("the server answers")
    };
    let first = ask(&token).await;
    assert_eq!(
        (first.status(), &first.headers()["ratelimit-policy"]),
        (StatusCode::OK, &"\"token\";q=4;w=2".parse().unwrap())
    );
    assert_eq!(first.headers()["ratelimit"], "\"token\";r=3;t=1");
    let refused = loop {
        let answer = ask(&token).await;
        if answer.status() != StatusCode::OK {
            break answer;
        }
    };
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        (&refused.headers()["retry-after"], &refused.headers()["content-type"]),
        (&"1".parse().unwrap(), &"application/problem+json".parse().unwrap())
    );

    // So is whoever guesses tokens; an admin is not.
    let refused = loop {
        let status = ask("kkt_api_junk").await.status();
        if status != StatusCode::UNAUTHORIZED {
            break status;
        }
    };
    assert_eq!(refused, StatusCode::TOO_MANY_REQUESTS);
    for _ in 0..20 {
        world.ok(world.get("/projects")).await;
    }
    world.end().await;
}

#[tokio::test]
async fn whatever_is_refused_is_refused_with_a_problem() {
    let (world, names) = shop().await;
    let large = "x".repeat(1024 * 1024 + 1);
    let run = format!("/runs/{}", names["run"]);
    for (request, status) in [
        (world.get("/runs?limit=0"), 400),
        (world.get("/runs?limit=201"), 400),
        (world.get("/runs?colour=red"), 400),
        (world.get("/runs?cursor=x"), 400),
        (world.get("/projects/%FF"), 400),
        (world.get("/projects/%00"), 404),
        (world.get("/nowhere"), 404),
        (world.post(&run), 405),
        (world.post("/projects").body(large.clone()).header("content-type", "application/json"), 413),
        (world.post(&format!("{run}/cancel")).body("not read"), 409),
        (world.post("/projects/shop/sync").body(large), 413),
        (world.post("/projects").body("{}"), 415),
        (world.post("/projects").json(&json!({})), 422),
        (world.post("/tokens").json(&json!({ "name": "x", "scopes": [] })), 422),
        (world.post("/tokens").json(&json!({ "name": "x", "scopes": ["admin"], "project": "shop" })), 422),
        (
            world
                .post("/tokens")
                .json(&json!({ "name": "x", "scopes": ["read"], "expires_at": "1999-01-01T00:00:00Z" })),
            422,
        ),
        (world.post("/tickets").json(&json!({ "stream": "/api/v1/projects" })), 422),
    ] {
        let answer = request.send().await.expect("the server answers");
        let (url, found) = (answer.url().path().to_owned(), answer.status());
        assert_eq!(found, status, "{url}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{url}");
        let problem: Json = answer.json().await.expect("a problem");
        assert_eq!(problem["status"], status, "{problem}");
    }
    world.end().await;
}

#[tokio::test]
async fn privileged_acts_are_in_the_audit_log_with_whoever_did_them() {
    let (world, names) = shop().await;
    let (_, ada) = token(&world, json!({ "name": "ada", "scopes": ["secrets", "runs"] })).await;
    let secret = world.bare(Method::PUT, "/api/v1/projects/shop/secrets/KEY").bearer_auth(&ada);
    world.ok_empty(secret.json(&json!({ "value": "hush" }))).await;
    let settings = world.bare(Method::PATCH, "/api/v1/projects/shop").bearer_auth(world.token());
    world.ok(settings.json(&json!({ "sync_every": "off" }))).await;
    // What did not happen is no act.
    let ended = world.bare(Method::POST, &format!("/api/v1/runs/{}/cancel", names["run"])).bearer_auth(&ada);
    assert_eq!(ended.send().await.unwrap().status(), StatusCode::CONFLICT);
    let mut acts = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world.ok(world.get(&format!("/audit?limit=2{cursor}"))).await;
        acts.extend(page["data"].as_array().expect("a list").clone());
        match page["next_cursor"].as_i64() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let said: Vec<String> = acts
        .iter()
        .rev()
        .map(|act| format!("{} {} {} {}", act["by"], act["act"], act["project"], act["outcome"]).replace('"', ""))
        .collect();
    assert_eq!(
        said,
        [
            "first project.add shop done",
            "first project.sync shop done",
            "first project.add other done",
            "first env.set shop done",
            "first token.create null done",
            "ada secret.set shop done",
            "first project.change shop done",
        ]
    );
    assert!(!format!("{acts:?}").contains("hush"));
    world.end().await;
}

#[tokio::test]
async fn the_command_line_makes_lists_and_revokes_tokens() {
    let world = World::start().await;
    let run = |arguments: &[&str]| {
        let output = world.kiket(arguments).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let made = run(&["token", "create", "ci", "--scope", "read", "--scope", "runs", "--expires", "90d", "--json"]);
    let made: Json = serde_json::from_str(&made).expect("JSON");
    assert_eq!(made["scopes"], json!(["read", "runs"]));
    assert!(made["token"].as_str().unwrap().starts_with("kkt_api_"), "{made}");
    let id = made["id"].as_str().unwrap();
    assert!(run(&["token", "ls"]).contains(id));
    run(&["token", "revoke", id]);
    assert!(run(&["token", "ls"]).contains("revoked"));
    let listed = run(&["token", "ls", "--json"]);
    assert!(!listed.contains(made["token"].as_str().unwrap()));
    world.end().await;
}
