//! JavaScript, by componentize-js; its `fetch` is `wasi:http`.

use axum::response::IntoResponse as _;
use serde_json::json;

use super::{Receiver, call, error, log, run, says, stage, world};

const LANGUAGE: &str = "javascript";

#[tokio::test]
async fn an_action_in_javascript_does_its_work() {
    super::an_action_does_its_work(LANGUAGE).await;
}

#[tokio::test]
async fn a_request_in_javascript_needs_its_grant() {
    super::a_request_needs_its_grant(LANGUAGE, ("denied", "`kv` is not granted")).await;
}

#[tokio::test]
async fn a_failure_in_javascript_says_what_kind_it_is_and_an_exception_is_told_whole() {
    let trace = ["deeper@guest.js:", "throw@guest.js:"];
    let thrown = ("permanent", "TypeError: no such luck, größer");
    super::a_failure_says_what_kind_it_is_and_an_exception_is_told_whole(LANGUAGE, &trace, thrown).await;
}

#[tokio::test]
async fn random_numbers_in_javascript_belong_to_run_and_stage() {
    super::random_numbers_belong_to_run_and_stage(LANGUAGE).await;
}

#[tokio::test]
async fn a_guard_in_javascript_decides_by_what_it_is_given() {
    super::guards::a_guard_decides_by_what_it_is_given(LANGUAGE, "the guard gave up").await;
}

#[tokio::test]
async fn fetch_reaches_what_is_granted_and_nothing_else() {
    let receiver = Receiver::open(|seen| match seen.uri.path() {
        "/json" => axum::Json(json!({ "body": seen.body, "key": seen.header("idempotency-key") })).into_response(),
        path => says(200, path),
    })
    .await;
    let other = Receiver::open(|_| says(200, "it should not be asked")).await;
    let world = world(LANGUAGE, &receiver.grant()).await;
    let fetch = |url: String| call("fetch", json!({ "url": url }));
    let post = json!({ "url": receiver.url("json"), "method": "POST", "body": "Öl" });
    let urls = ["c", "a", "b"].map(|path| receiver.url(path));
    let (run_id, state) = run(
        &world,
        &[
            ("get", fetch(receiver.url("plain?q=1"))),
            ("post", call("fetch", post)),
            ("all", call("fetch_all", json!({ "urls": urls }))),
            ("denied", fetch(other.url(""))),
            ("spelled", fetch(format!("http://0x7f000001:{}/", other.port))),
        ],
    )
    .await;
    let outputs = |id| &stage(&state, id)["outputs"];
    let plain = "text/plain; charset=utf-8";
    assert_eq!(*outputs("get"), json!({ "status": 200, "type": plain, "body": "/plain" }), "{state:#}");
    let answered = json!({ "body": "Öl", "key": format!("{run_id}/post") }).to_string();
    assert_eq!(*outputs("post"), json!({ "status": 200, "type": "application/json", "body": answered }));
    assert_eq!(*outputs("all"), json!({ "bodies": ["/c", "/a", "/b"] }));
    // One after the other, in the order in which they were asked for.
    let seen = receiver.seen();
    let several: Vec<&str> = seen.iter().map(|seen| seen.uri.path()).filter(|path| path.len() == 2).collect();
    assert_eq!(several, ["/c", "/a", "/b"]);
    for id in ["denied", "spelled"] {
        assert_eq!(error(&state, id).0, "permanent");
        let told = log(&world, &run_id, id).await;
        let reason = format!("GET http://127.0.0.1:{} is not granted: to allow it, add", other.port);
        assert!(told.contains(&reason), "{reason} is missing in\n{told}");
    }
    assert!(other.seen().is_empty(), "what is denied is not sent");
    world.end().await;
}
