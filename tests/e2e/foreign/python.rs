//! Python, by componentize-py.

use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

use super::{call, run, stage, world};

const LANGUAGE: &str = "python";

#[tokio::test]
async fn an_action_in_python_does_its_work() {
    super::an_action_does_its_work(LANGUAGE).await;
}

#[tokio::test]
async fn a_request_in_python_needs_its_grant() {
    super::a_request_needs_its_grant(LANGUAGE, ("trap", "kv.Error_Denied")).await;
}

#[tokio::test]
async fn a_failure_in_python_says_what_kind_it_is_and_an_exception_is_told_whole() {
    let trace = ["Traceback (most recent call last):", "in run", "in throw", "guest.py\", line ", "in deeper"];
    let thrown = ("trap", "ValueError: no such luck, größer");
    super::a_failure_says_what_kind_it_is_and_an_exception_is_told_whole(LANGUAGE, &trace, thrown).await;
}

#[tokio::test]
async fn random_numbers_in_python_belong_to_run_and_stage() {
    super::random_numbers_belong_to_run_and_stage(LANGUAGE).await;
}

#[tokio::test]
async fn a_guard_in_python_decides_by_what_it_is_given() {
    super::guards::a_guard_decides_by_what_it_is_given(LANGUAGE, "LookupError: the guard gave up").await;
}

#[tokio::test]
async fn python_finds_no_files_no_environment_and_no_network() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let world = world(LANGUAGE, "").await;
    let (_, state) = run(&world, &[("look", call("look_around", json!({ "port": port })))]).await;
    let found = &stage(&state, "look")["outputs"];
    assert_eq!((&found["environment"], &found["files"]), (&json!({}), &json!([])), "{state:#}");
    assert_eq!((&found["passwd"], &found["connected"]), (&json!("FileNotFoundError"), &Json::Bool(false)));
    world.end().await;
}
