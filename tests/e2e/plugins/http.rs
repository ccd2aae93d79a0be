//! The plugin `http`.

use axum::http::header::LOCATION;
use axum::response::IntoResponse as _;
use serde_json::{Value as Json, json};

use super::receiver::{Receiver, says};
use super::{error, run, stage, world};

fn request(with: Json) -> Json {
    json!({ "uses": "http", "with": with })
}

#[tokio::test]
async fn a_request_travels_with_its_secrets_and_its_key() {
    let receiver = Receiver::open(|seen| {
        let body = json!({ "method": seen.method.as_str(), "path": seen.uri.to_string() });
        ([("x-seen", "yes")], axum::Json(body)).into_response()
    })
    .await;
    let grants = format!(
        "http: {{ grants: {{ {}, secrets: [{{ name: TOKEN, use: [header], hosts: [127.0.0.1] }}] }} }}",
        receiver.grant()
    );
    let world = world(&grants, &[("TOKEN", "t0p secret")]).await;
    let post = json!({
        "method": "POST", "url": receiver.url("orders?a=1"), "query": { "q": "a b", "page": 2 },
        "headers": { "authorization": "Bearer ${{ secret('TOKEN') }}", "x-count": 3 }, "json": { "item": "shop-1" },
    });
    let (id, state) = run(
        &world,
        &[
            ("post", request(post)),
            ("get", request(json!({ "url": receiver.url("status") }))),
            ("text", request(json!({ "method": "PUT", "url": receiver.url("t"), "body": "plain" }))),
            ("ungranted", request(json!({ "url": "${{ 'http://127.0.0.1:' + '9/' }}" }))),
        ],
    )
    .await;
    let outputs = &stage(&state, "post")["outputs"];
    assert_eq!(outputs["json"], json!({ "method": "POST", "path": "/orders?a=1&page=2&q=a+b" }), "{state:#}");
    assert_eq!((&outputs["status"], &outputs["headers"]["x-seen"]), (&json!(200), &json!("yes")));
    assert_eq!(serde_json::from_str::<Json>(outputs["body"].as_str().expect("text")).expect("json"), outputs["json"]);

    let seen = receiver.seen();
    let of = |path: &str| seen.iter().find(|seen| seen.uri.path() == path).expect("a request");
    let post = of("/orders");
    assert_eq!(post.header("authorization"), "Bearer t0p secret");
    assert_eq!((post.header("x-count"), post.header("content-type")), ("3", "application/json"));
    assert_eq!((post.header("idempotency-key"), &*post.body), (&*format!("{id}/post"), r#"{"item":"shop-1"}"#));
    assert_eq!(of("/status").header("idempotency-key"), "");
    assert_eq!((of("/t").header("content-type"), &*of("/t").body), ("text/plain; charset=utf-8", "plain"));
    assert_eq!(seen.len(), 3, "what is denied is not sent");
    assert_eq!(error(&state, "ungranted").0, "denied");
    assert!(!state.to_string().contains("t0p secret"), "{state:#}");
    world.end().await;
}

#[tokio::test]
async fn wasi_http_is_another_way_to_the_same_requests() {
    let receiver = Receiver::open(|seen| says(201, format!("{} {}", seen.method, seen.body.len()))).await;
    let other = Receiver::open(|_| says(200, "it should not be asked")).await;
    let world = world(&format!("./tools/probe.wasm: {{ grants: {{ {} }} }}", receiver.grant()), &[]).await;
    let exchange = |port: u16, bytes: usize, order: &str| json!({ "uses": "./tools/probe.wasm/exchange", "with": { "port": port, "bytes": bytes, "order": order } });
    let mut once = exchange(receiver.port, 100, "after");
    once["effect"] = json!("once");
    let (_, state) = run(
        &world,
        &[
            ("before", exchange(receiver.port, 100, "before")),
            ("after", exchange(receiver.port, 1_500_000, "after")),
            ("empty", exchange(receiver.port, 0, "after")),
            ("once", once),
            ("never", exchange(receiver.port, 100, "never")),
            ("large", exchange(receiver.port, 9_000_000, "after")),
            ("denied_before", exchange(other.port, 100, "before")),
            ("denied_after", exchange(other.port, 100, "after")),
        ],
    )
    .await;
    assert_eq!(state["status"], "succeeded", "{state:#}");
    let outputs = |id: &'static str| &stage(&state, id)["outputs"];
    let sizes = [("before", 100), ("after", 1_500_000), ("empty", 0), ("once", 100)];
    for (id, size) in sizes {
        assert_eq!(*outputs(id), json!({ "status": 201, "body": format!("POST {size}") }), "{id}");
    }
    for (id, code) in [
        ("denied_before", "HttpRequestDenied"),
        ("denied_after", "HttpRequestDenied"),
        ("never", "HttpProtocolError"),
        ("large", "HttpRequestBodySize"),
    ] {
        assert!(outputs(id)["error"].as_str().is_some_and(|error| error.contains(code)), "{id}: {state:#}");
    }
    assert_eq!(receiver.seen().len(), sizes.len(), "what is not finished is not sent");
    assert!(other.seen().is_empty(), "what is denied is not sent");
    world.end().await;
}

#[tokio::test]
async fn a_status_that_is_not_expected_fails_the_stage() {
    let receiver = Receiver::open(|seen| match seen.uri.path() {
        "/moved" => (axum::http::StatusCode::FOUND, [(LOCATION, "https://elsewhere.example/")]).into_response(),
        "/busy" => says(503, "later"),
        path => says(path[1..].parse().expect("a status"), "text"),
    })
    .await;
    let world = world(&format!("http: {{ grants: {{ {} }} }}", receiver.grant()), &[]).await;
    let get = |path: &str, expect: Json| {
        let mut with = json!({ "url": receiver.url(path) });
        if !expect.is_null() {
            with["expect_status"] = expect;
        }
        request(with)
    };
    let (_, state) = run(
        &world,
        &[
            ("missing", get("404", Json::Null)),
            ("expected", get("404", json!([200, 404]))),
            ("unexpected", get("200", json!([201]))),
            ("moved", get("moved", Json::Null)),
            ("busy", get("busy", Json::Null)),
        ],
    )
    .await;
    assert_eq!(error(&state, "missing"), ("permanent", "the other side answered 404: text"), "{state:#}");
    let outputs = &stage(&state, "expected")["outputs"];
    assert_eq!((&outputs["status"], &outputs["body"], &outputs["json"]), (&json!(404), &json!("text"), &Json::Null));
    assert_eq!(error(&state, "unexpected").0, "permanent");
    let (code, message) = error(&state, "moved");
    assert_eq!(code, "permanent");
    assert_eq!(
        message,
        "the other side answered 302 and points to https://elsewhere.example/: redirects are not followed"
    );
    assert_eq!(error(&state, "busy"), ("transient", "the other side answered 503: later"));
    world.end().await;
}
