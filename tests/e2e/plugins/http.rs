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
