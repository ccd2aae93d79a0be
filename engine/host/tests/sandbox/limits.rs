//! Guests that want more than they may have. Each ends with its code.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kiket_host::{HostCalls, InvokeError, Limits, Scheme};

use crate::guest::{LOG, component, component_with_memory, requesting, returning};
use crate::harness::{Answer, Recorder, call, granting, host, invoke, invoke_with, load, perform, refused};

const SPIN: &str = "(loop $ever (br $ever)) (unreachable)";
const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn stops_an_endless_loop_while_other_calls_go_on() {
    let host = host();
    let spinning = load(&host, &component("", "", SPIN)).await;
    let quick = load(&host, &returning("{}")).await;
    let start = Instant::now();
    let spinning = tokio::spawn({
        let (host, mut call) = (host.clone(), call(spinning));
        call.limits.cpu = Duration::from_millis(500);
        async move { perform(&host, call, Arc::new(Recorder::default())).await }
    });
    // One thread only: these run because the spinning guest makes room for them.
    for _ in 0..5 {
        perform(&host, call(quick), Arc::new(Recorder::default())).await.expect("an output");
    }
    assert!(!spinning.is_finished(), "the quick calls came first");
    let (code, message) = refused(spinning.await.expect("no panic"));
    assert_eq!(code, "timeout_cpu", "{message}");
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn counts_bulk_memory_instructions_as_time_of_the_guest() {
    let fill = "(memory.grow (i32.const 1000)) (drop)
        (loop $ever (memory.fill (i32.const 0) (i32.const 1) (i32.const 65000000)) (br $ever)) (unreachable)";
    let (code, message) = refused(invoke(&component("", "", fill)).await);
    assert_eq!(code, "timeout_cpu", "{message}");
}

#[tokio::test]
async fn stops_a_guest_that_loops_before_it_is_called() {
    let guest = component("", "(start $loop) (func $loop (loop $ever (br $ever)))", "(unreachable)");
    assert_eq!(refused(invoke(&guest).await).0, "timeout_cpu");
}

#[tokio::test]
async fn stops_a_guest_that_waits_for_the_host_without_end() {
    let calls = Recorder::answering(Answer::Never);
    let result = invoke_with(&requesting("GET", "https://a.example/"), &calls, |call| {
        call.grants = granting(Scheme::Https, "a.example", None);
        call.limits.wall = Duration::from_millis(100);
    })
    .await;
    let error = result.expect_err("no output");
    assert_eq!(error.code(), "timeout_wall", "{error}");
    assert!(error.usage().cpu < Duration::from_millis(100), "waiting is not cpu time: {:?}", error.usage());
}

#[tokio::test]
async fn stops_a_guest_that_spins_at_the_end_of_its_wall_time() {
    let result = invoke_with(&component("", "", SPIN), &Arc::default(), |call| {
        call.limits = Limits { wall: Duration::from_millis(100), ..Limits::default() };
    })
    .await;
    assert_eq!(refused(result).0, "timeout_wall");
}

#[tokio::test]
async fn explains_a_trap_after_memory_was_refused() {
    let grow = "(loop $ever (br_if $ever (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)";
    let result = invoke_with(&component("", "", grow), &Arc::default(), |call| call.limits.memory = 8 * MIB).await;
    let error = result.expect_err("no output");
    assert_eq!(error.code(), "memory_limit", "{error}");
    assert_eq!(error.usage().peak_memory, 8 * MIB as u64 - 15 * 65536, "the growth that fitted");
}

#[tokio::test]
async fn lets_a_guest_live_with_memory_it_was_refused() {
    let grow = r#"(data (i32.const 1024) "{}")"#;
    let body = "(drop (memory.grow (i32.const 65000))) (call $ok (i32.const 1024) (i32.const 2))";
    invoke(&component("", grow, body)).await.expect("an output");
}

#[tokio::test]
async fn refuses_memory_to_a_guest_that_starts_with_too_much() {
    let result = invoke_with(&component_with_memory("200", "", SPIN), &Arc::default(), |call| {
        call.limits.memory = 8 * MIB;
    })
    .await;
    assert_eq!(refused(result).0, "memory_limit");
}

#[tokio::test]
async fn counts_tables_as_memory() {
    let grow = "(loop $ever (br_if $ever
        (i32.ne (table.grow (ref.null func) (i32.const 100)) (i32.const -1)))) (unreachable)";
    let result = invoke_with(&component("", "(table 0 funcref)", grow), &Arc::default(), |call| {
        call.limits.memory = 128 * 1024;
    })
    .await;
    assert_eq!(refused(result).0, "memory_limit");
}

#[tokio::test]
async fn survives_recursion_without_end() {
    let host = host();
    let deep = "(func $deep (param i32) (result i32)
        (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (local.get 0)))";
    let recursing = load(&host, &component("", deep, "(call $deep (i32.const 0))")).await;
    let quick = load(&host, &returning("{}")).await;
    let (code, message) = refused(perform(&host, call(recursing), Arc::new(Recorder::default())).await);
    assert_eq!(code, "stack_overflow", "{message}");
    perform(&host, call(quick), Arc::new(Recorder::default())).await.expect("the host goes on");
}

#[tokio::test]
async fn stops_a_flood_of_host_calls() {
    let flood = "(loop $ever (call $log (i32.const 0) (i32.const 0) (i32.const 0)) (br $ever)) (unreachable)";
    let calls = Arc::new(Recorder::default());
    let result = invoke_with(&component(LOG, "", flood), &calls, |call| call.limits.host_calls = 1000).await;
    let error = result.expect_err("no output");
    assert_eq!(error.code(), "host_call_limit", "{error}");
    assert_eq!(calls.texts().len(), 1000);
    assert_eq!(error.usage().host_calls, 1001);
}

#[tokio::test]
async fn stops_a_flood_of_wasi_calls() {
    let clock = r#"(import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))"#;
    let flood = "(loop $ever (drop (call $now)) (br $ever)) (unreachable)";
    let result = invoke_with(&component(clock, "", flood), &Arc::default(), |call| call.limits.host_calls = 1000).await;
    assert_eq!(refused(result).0, "host_call_limit");
}

#[tokio::test]
async fn stops_a_flood_of_requests() {
    let guest = component(
        crate::guest::HTTP,
        r#"(data (i32.const 1024) "GET") (data (i32.const 1100) "https://a.example/")"#,
        "(loop $ever (call $send (i32.const 1024) (i32.const 3) (i32.const 1100) (i32.const 18)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2000)) (br $ever)) (unreachable)",
    );
    let calls = Arc::new(Recorder::default());
    let result = invoke_with(&guest, &calls, |call| {
        call.grants = granting(Scheme::Https, "a.example", None);
        call.limits.http_calls = 5;
    })
    .await;
    let (code, message) = refused(result);
    assert_eq!((code, calls.request_count()), ("host_call_limit", 5), "{message}");
}

#[tokio::test]
async fn stops_a_flood_of_log_bytes_and_of_log_lines() {
    let flood = |len| {
        let body = format!("(loop $ever (call $log (i32.const 1) (i32.const 0) (i32.const {len})) (br $ever))");
        component(LOG, "", &format!("{body} (unreachable)"))
    };
    let calls = Arc::new(Recorder::default());
    let result = invoke_with(&flood(1000), &calls, |call| call.limits.log_total = 100_000).await;
    let (code, message) = refused(result);
    assert_eq!((code, calls.texts().len()), ("payload_too_large", 100), "{message}");

    let breaks = "(memory.fill (i32.const 1024) (i32.const 10) (i32.const 60000))
        (call $log (i32.const 1) (i32.const 1024) (i32.const 60000)) (unreachable)";
    let result = invoke_with(&component(LOG, "", breaks), &Arc::default(), |call| call.limits.host_calls = 1000).await;
    assert_eq!(refused(result).0, "host_call_limit");
}

#[tokio::test]
async fn refuses_an_output_that_is_too_large() {
    let spaces = |len: usize| {
        let body = format!(
            "(drop (memory.grow (i32.const 1000))) (memory.fill (i32.const 1024) (i32.const 32) (i32.const {len}))
             (call $ok (i32.const 1024) (i32.const {len}))"
        );
        component("", "", &body)
    };
    // The first is read and refused, the others are never copied out of the guest.
    for len in [2 * MIB, 16 * MIB, 60 * MIB] {
        let (code, message) = refused(invoke(&spaces(len)).await);
        assert_eq!(code, "payload_too_large", "{len}: {message}");
    }
}

#[tokio::test]
async fn refuses_a_result_that_points_outside_the_guest() {
    let guest = component("", "", "(call $ok (i32.const 65000) (i32.const 1000000))");
    assert_eq!(refused(invoke(&guest).await).0, "trap");
}

#[tokio::test]
async fn refuses_an_output_that_is_not_a_json_object() {
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
    for output in ["", "hello", "[]", "1", "null", r#""{}""#, "{", "{}{}", r#"{"a":1e999}"#, "{'a':1}", &deep] {
        let (code, message) = refused(invoke(&returning(output)).await);
        assert_eq!(code, "invalid_output", "{output}: {message}");
    }
}

#[tokio::test]
async fn refuses_too_many_random_bytes_at_once() {
    let random = r#"(import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))"#;
    let ask = |bytes: &str| {
        let data = r#"(data (i32.const 1024) "{}")"#;
        let body =
            format!("(call $random (i64.const {bytes}) (i32.const 2000)) (call $ok (i32.const 1024) (i32.const 2))");
        component(random, data, &body)
    };
    invoke(&ask("65536")).await.expect("as much as is allowed");
    for bytes in ["65537", "-1"] {
        assert_eq!(refused(invoke(&ask(bytes)).await).0, "trap");
    }
}

#[tokio::test]
async fn is_unharmed_by_everything_above() {
    let host = host();
    let quick = load(&host, &returning("{}")).await;
    for body in [SPIN, "(unreachable)", "(call $ok (i32.const -1) (i32.const -1))", "(i32.const -4)"] {
        let hostile = load(&host, &component("", "", body)).await;
        let mut call_hostile = call(hostile);
        call_hostile.limits.cpu = Duration::from_millis(20);
        let error = perform(&host, call_hostile, Arc::new(Recorder::default())).await.expect_err("no output");
        assert!(matches!(error, InvokeError::Stopped { .. }), "{error:?}");
        let calls: Arc<dyn HostCalls> = Arc::new(Recorder::default());
        perform(&host, call(quick), calls).await.expect("the host goes on");
    }
}
