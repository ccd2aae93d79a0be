//! The harness itself, used as authors use it.

use serde_json::{Value, json};

use super::{Answer, Stage};
use crate::log::Level;
use crate::{Call, Failure, clock, http, kv, log, progress, secrets, workspace};

#[derive(serde::Deserialize)]
struct Input {
    url: String,
}

fn fetch(input: Input, call: &Call) -> Result<Value, Failure> {
    log::warn!("attempt {} at {}", call.attempt(), clock::unix_seconds());
    progress::report("fetching", 1, 2);
    let token = secrets::placeholder("TOKEN")?;
    let answer = http::get(input.url).header("authorization", format!("Bearer {token}")).send()?.error_for_status()?;
    let seen: u64 = kv::get_json("seen")?.unwrap_or_default();
    kv::set_json("seen", &(seen + 1))?;
    Ok(json!({ "seen": seen, "answer": answer.json::<Value>()? }))
}

fn leader(name: String, _: &Call) -> Result<(), Failure> {
    if kv::swap("leader", None, Some(name.as_bytes()))? { Ok(()) } else { Err(Failure::transient("taken")) }
}

#[test]
fn a_call_has_what_the_test_set_up_and_tells_what_it_did() {
    let url = "https://api.example.com/me";
    let done = Stage::new()
        .attempt(2)
        .secret("TOKEN", "s3cret")
        .kv("seen", "4")
        .http("GET", url, Answer::new(200).json(&json!([1])))
        .call(fetch, json!({ "url": url }));
    assert_eq!(done.output(), json!({ "seen": 4, "answer": [1] }));
    assert_eq!(done.log_of(Level::Warn), ["attempt 2 at 1767225600"]);
    assert_eq!(done.progress(), [("fetching".to_owned(), 1, Some(2))]);
    assert_eq!(done.requests()[0].header("Authorization"), Some("Bearer s3cret"));
    assert_eq!(done.kv("seen"), Some(&b"5"[..]));
}

#[test]
fn what_goes_wrong_is_the_failure_that_the_engine_would_see() {
    let url = "https://api.example.com/me";
    let failure = |stage: Stage, input: Value| stage.call(fetch, input).failure();
    assert_eq!(failure(Stage::new(), json!({})), Failure::invalid_input("missing field `url`"));
    assert_eq!(failure(Stage::new(), json!({ "url": url })), Failure::denied("the test has no secret `TOKEN`"));
    let given = || Stage::new().secret("TOKEN", "x");
    let late = failure(given().http_times_out("GET", url), json!({ "url": url }));
    assert_eq!(late, Failure::transient("the other side did not answer in time"));
    let busy = failure(given().http("GET", url, Answer::new(503)), json!({ "url": url }));
    assert_eq!(busy, Failure::transient("the other side answered 503"));
}

#[test]
fn values_are_swapped_and_one_call_sees_nothing_of_another() {
    assert_eq!(Stage::new().call(leader, json!("me")).kv("leader"), Some(&b"me"[..]));
    let taken = Stage::new().kv("leader", "you").call(leader, json!("me"));
    assert_eq!((taken.failure(), taken.kv("leader")), (Failure::transient("taken"), Some(&b"you"[..])));
}

#[test]
fn what_a_test_has_not_is_denied() {
    let look = |_: Value, _: &Call| workspace::read("README.md").map(|_| ());
    let failure = Stage::new().call(look, json!({})).failure();
    assert_eq!(failure, Failure::denied("a test has no workspace"));
}

#[test]
fn a_request_that_is_not_expected_ends_the_test() {
    let said = |stage: Stage| {
        let call = || stage.secret("TOKEN", "x").call(fetch, json!({ "url": "https://a.example/" }));
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).expect_err("it panics");
        panic.downcast_ref::<String>().cloned().unwrap_or_default()
    };
    assert!(said(Stage::new()).ends_with("expects no further request"));
    let other = Stage::new().http("POST", "https://a.example/", Answer::new(200));
    assert!(said(other).ends_with("the test expects POST https://a.example/"));
    let more = Stage::new().http("GET", "https://a.example/", Answer::new(404));
    assert!(said(more.http("GET", "https://b.example/", Answer::new(200))).contains("did not send GET https://b"));
}
