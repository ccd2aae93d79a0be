//! Calls that go well, calls that fail by themselves, and calls beside each other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kiket_host::{Digest, FailureKind, HostCalls, InvokeError, Limits, Usage};

use crate::guest::{component, requesting, returning};
use crate::harness::{
    Answer, Call, Recorder, call, granting, host, host_with, invoke, invoke_with, load, perform, refused,
};

const ECHO: &str = "(call $ok (local.get $input) (local.get $input_len))";

#[tokio::test]
async fn hands_the_input_in_and_the_output_out() {
    let output = invoke(&component("", "", ECHO)).await.expect("an output");
    assert_eq!(output.json, r#"{"greeting":"hello"}"#);
    assert!(output.usage.peak_memory >= 65536, "{:?}", output.usage);
    assert!(output.usage.wall >= output.usage.cpu, "{:?}", output.usage);
    assert_eq!(output.usage.host_calls, 0);
}

#[tokio::test]
async fn hands_over_every_field_of_the_invocation() {
    // Adds up what identifies each field: lengths, the attempt, the number of environment entries.
    let body = "
        (if (i32.ne (local.get $action_len) (i32.const 3)) (then (unreachable)))
        (if (i32.ne (local.get $env_len) (i32.const 1)) (then (unreachable)))
        (if (i32.ne (i32.load (i32.add (local.get $env) (i32.const 4))) (i32.const 4)) (then (unreachable)))
        (if (i32.ne (local.get $run_len) (i32.const 5)) (then (unreachable)))
        (if (i32.ne (local.get $stage_len) (i32.const 8)) (then (unreachable)))
        (if (i32.ne (local.get $attempt) (i32.const 7)) (then (unreachable)))
        (if (i32.ne (local.get $effect_len) (i32.const 9)) (then (unreachable)))";
    let output = invoke_with(&component("", "", &format!("{body} {ECHO}")), &Arc::default(), |call| {
        call.stage = "8 bytes!".into();
        call.attempt = 7;
        call.effect_key = "9 bytes!!".into();
    })
    .await;
    output.expect("an output");
}

#[tokio::test]
async fn reports_the_failure_the_guest_chose() {
    for (case, kind, code) in [
        (0, FailureKind::InvalidInput, "invalid_input"),
        (1, FailureKind::Transient, "transient"),
        (2, FailureKind::Permanent, "permanent"),
        (3, FailureKind::Denied, "denied"),
    ] {
        let guest = component(
            "",
            r#"(data (i32.const 1024) "no luck")"#,
            // The delay of a transient failure lies behind its text: some(1500).
            &format!(
                "(i32.store8 (i32.const 40) (i32.const 1)) (i64.store (i32.const 48) (i64.const 1500))
                 (call $fail (i32.const {case}) (i32.const 1024) (i32.const 7))"
            ),
        );
        let error = invoke(&guest).await.expect_err("a failure");
        assert_eq!(error.code(), code);
        let InvokeError::Failure { kind: found, message, retry_after, .. } = error else {
            panic!("{error:?} is not the guest's own failure");
        };
        assert_eq!((found, message.as_str()), (kind, "no luck"));
        assert_eq!(retry_after, (case == 1).then_some(Duration::from_millis(1500)));
    }
}

#[tokio::test]
async fn says_when_a_plugin_is_not_loaded() {
    let digest = Digest::of(b"nobody");
    let error = perform(&host(), call(digest), Arc::new(Recorder::default())).await.expect_err("not loaded");
    assert_eq!(error, InvokeError::NotLoaded(digest));
    assert_eq!(error.usage(), Usage::default());
}

#[tokio::test]
async fn gives_every_call_a_fresh_instance() {
    let counter = component(
        "",
        r#"(global $calls (mut i32) (i32.const 0)) (data (i32.const 1024) "{}")"#,
        "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
         (if (i32.ne (global.get $calls) (i32.const 1)) (then (unreachable)))
         (call $ok (i32.const 1024) (i32.const 2))",
    );
    let host = host();
    let digest = load(&host, &counter).await;
    for _ in 0..3 {
        perform(&host, call(digest), Arc::new(Recorder::default())).await.expect("an output");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_two_hundred_calls_at_once() {
    let host = host_with(200);
    let digest = load(&host, &component("", "", ECHO)).await;
    let calls: Vec<_> = (0..200)
        .map(|number| {
            let (host, mut call) = (host.clone(), call(digest));
            call.input = format!(r#"{{"number":{number}}}"#);
            tokio::spawn(async move { perform(&host, call, Arc::new(Recorder::default())).await })
        })
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        let output = call.await.expect("no panic").expect("an output");
        assert_eq!(output.json, format!(r#"{{"number":{number}}}"#));
    }
}

#[tokio::test]
async fn makes_a_call_wait_for_a_free_place_on_its_own_time() {
    let host = host_with(1);
    let blocked = load(&host, &requesting("GET", "https://a.example/")).await;
    let calls = Recorder::answering(Answer::Never);
    let mut first = call(blocked);
    first.grants = granting(kiket_host::Scheme::Https, "a.example", None);
    let first = tokio::spawn({
        let (host, calls) = (host.clone(), Arc::clone(&calls));
        async move { perform(&host, first, calls).await }
    });
    calls.requested.notified().await;

    let mut second = call(blocked);
    second.limits.wall = Duration::from_millis(50);
    let (code, message) = refused(perform(&host, second, Arc::clone(&calls) as Arc<dyn HostCalls>).await);
    assert_eq!(code, "timeout_wall", "{message}");
    assert!(message.contains("free place"), "{message}");
    first.abort();
}

#[tokio::test]
async fn ends_a_guest_whose_caller_goes_away() {
    let host = host();
    let calls = Recorder::answering(Answer::Never);
    let mut call = call(load(&host, &requesting("GET", "https://a.example/")).await);
    call.grants = granting(kiket_host::Scheme::Https, "a.example", None);
    let running = tokio::spawn({
        let calls = Arc::clone(&calls);
        async move { perform(&host, call, calls).await }
    });
    calls.requested.notified().await;
    running.abort();
    assert!(running.await.expect_err("aborted").is_cancelled());
    assert_eq!(Arc::strong_count(&calls), 1, "nothing of the call is left");
}

#[tokio::test]
async fn answers_a_trivial_call_in_little_time() {
    let host = host();
    let digest = load(&host, &returning("{}")).await;
    let mut times = Vec::new();
    for _ in 0..500 {
        let call = Call { limits: Limits::default(), ..call(digest) };
        let calls = Arc::new(Recorder::default());
        let start = Instant::now();
        perform(&host, call, calls).await.expect("an output");
        times.push(start.elapsed());
    }
    times.sort();
    println!("a trivial call: p50 {:?}, p99 {:?}", times[250], times[495]);
    assert!(times[250] < Duration::from_millis(5), "{:?}", times[250]);
}
