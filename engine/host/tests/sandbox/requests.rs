//! Outbound HTTP as a guest sees it.

use std::sync::Arc;

use kiket_host::{Outbound, Scheme};

use crate::guest::requesting;
use crate::harness::{Answer, Recorder, granting, invoke_with, refused};
use crate::outbound::{Trap, answer_once};

#[tokio::test]
async fn denies_what_was_not_granted_and_asks_nobody() {
    let calls = Arc::new(Recorder::default());
    let guest = requesting("POST", "https://evil.example/steal");
    let result = invoke_with(&guest, &calls, |call| {
        call.grants = granting(Scheme::Https, "good.example", None);
    })
    .await;
    let (code, message) = refused(result);
    assert_eq!(code, "denied");
    for part in ["POST", "https", "evil.example", "443", ".kiket/plugins.yaml"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(calls.request_count(), 0);
}

#[tokio::test]
async fn refuses_a_malformed_request_before_it_looks_at_grants() {
    let calls = Arc::new(Recorder::default());
    let (code, message) = refused(invoke_with(&requesting("GET", "https://a@b.example/"), &calls, |_| ()).await);
    assert_eq!((code, calls.request_count()), ("invalid_input", 0), "{message}");
}

#[tokio::test]
async fn passes_a_granted_request_on_as_it_was_checked() {
    let calls = Arc::new(Recorder::default());
    let result = invoke_with(&requesting("GET", "https://API.example.com:443/a?b#c"), &calls, |call| {
        call.grants = granting(Scheme::Https, "*.example.com", None);
    })
    .await;
    assert_eq!(result.expect("an output").json, "{}");
    let requests = calls.requests.lock().expect("requests");
    let (request, permit) = &requests[0];
    assert_eq!((request.method.as_str(), request.url.as_str()), ("GET", "https://api.example.com/a?b"));
    assert_eq!(permit.response_bytes, 32 * 1024 * 1024);
}

#[tokio::test]
async fn hands_a_large_response_over_and_refuses_a_larger_one() {
    let body = |len: usize| format!("{{{}}}", " ".repeat(len - 2)).into_bytes();
    for (len, fits) in [(1_000_000, true), (1_000_001, false)] {
        let calls = Recorder::answering(Answer::Body(body(len)));
        let result = invoke_with(&requesting("GET", "https://a.example/"), &calls, |call| {
            call.grants = granting(Scheme::Https, "a.example", None);
            call.limits.http_response = 1_000_000;
        })
        .await;
        assert_eq!(result.is_ok(), fits, "{len}");
    }
}

#[tokio::test]
async fn ends_the_call_when_the_engine_refuses_a_request() {
    let calls = Recorder::answering(Answer::Lost);
    let result = invoke_with(&requesting("GET", "https://a.example/"), &calls, |call| {
        call.grants = granting(Scheme::Https, "a.example", None);
    })
    .await;
    assert_eq!(refused(result).0, "lost");
}

#[tokio::test]
async fn reaches_this_machine_only_where_the_grant_lists_it() {
    let trap = Trap::set();
    let guest = requesting("GET", &format!("http://localhost:{}/", trap.port()));
    let calls = Recorder::answering(Answer::Really(Outbound::new().expect("a client")));
    let result = invoke_with(&guest, &calls, |call| call.limits.http_calls = 1).await;
    assert_eq!(refused(result).0, "denied");
    assert_eq!((calls.request_count(), trap.connections()), (0, 0));

    let served = tokio::spawn(answer_once(trap, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"));
    let port = guest_port(&guest);
    let result =
        invoke_with(&guest, &calls, |call| call.grants = granting(Scheme::Http, "localhost", Some(port))).await;
    assert_eq!(result.expect("an output").json, "{}");
    let request = served.await.expect("served");
    assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
}

fn guest_port(guest: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(guest);
    let (_, rest) = text.split_once("http://localhost:").expect("the url in the guest");
    rest.split('/').next().and_then(|port| port.parse().ok()).expect("a port")
}
