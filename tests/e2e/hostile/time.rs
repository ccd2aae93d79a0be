//! H1, H2, H4, H9: guests that want all the time there is.

use crate::guest::{HTTP, LOG};

use super::case::{Case, EMPTY, allocating, fails, guest, large};

const SPIN: &str = "(loop $ever (br $ever))";

const CLOCK: &str = r#"
    (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
    (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-instant" (func $instant (param i64) (result i32)))
    (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $duration (param i64) (result i32)))
    (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
    (import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop (param i32)))"#;

const PROGRESS: &str = r#"(import "kiket:plugin/progress@0.1.0" "report" (func $report (param i32 i32 i64 i32 i64)))"#;

const RANDOM: &str = r#"(import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))"#;

const STDOUT: &str = r#"(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
    (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop (param i32)))"#;

/// Loops without a call.
pub(super) fn loops() -> Vec<Case> {
    const CPU: &[&str] = &["timeout_cpu"];
    let start = format!("(start $start) (func $start {SPIN})");
    let indirect = "(table funcref (elem $f)) (type $t (func)) (func $f)";
    let after = format!(r#"(func (export "cabi_post_kiket:plugin/action@0.1.0#run") (param i32) {SPIN})"#);
    vec![
        fails("h01-spin", guest("", "", &format!("{SPIN} (unreachable)")), CPU),
        fails("h01-spin-at-start", guest("", &start, EMPTY), CPU),
        fails("h01-spin-in-the-allocator", allocating("", &format!("{SPIN} (unreachable)")), CPU),
        fails("h01-spin-after-the-return", guest("", &after, EMPTY), CPU),
        fails(
            "h01-spin-through-a-table",
            guest("", indirect, "(loop $ever (call_indirect (type $t) (i32.const 0)) (br $ever)) (unreachable)"),
            CPU,
        ),
    ]
}

/// Loops that call the host.
pub(super) fn floods() -> Vec<Case> {
    const CALLS: &[&str] = &["host_call_limit"];
    let ever = |call: &str| format!("(loop $ever {call} (br $ever)) (unreachable)");
    let get = r#"(data (i32.const 1024) "GET") (data (i32.const 1100) "https://a.example/")"#;
    let send = "(call $send (i32.const 1024) (i32.const 3) (i32.const 1100) (i32.const 18)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2000))";
    vec![
        fails("h02-flood-of-the-clock", guest(CLOCK, "", &ever("(drop (call $now))")), CALLS),
        fails(
            "h02-flood-of-log-lines",
            guest(LOG, "", &ever("(call $log (i32.const 1) (i32.const 8000) (i32.const 1))")),
            CALLS,
        ),
        fails(
            "h02-flood-of-progress",
            guest(
                PROGRESS,
                "",
                &ever("(call $report (i32.const 8000) (i32.const 1) (i64.const -1) (i32.const 1) (i64.const 0))"),
            ),
            CALLS,
        ),
        fails("h02-flood-of-requests", guest(HTTP, get, &ever(send)), CALLS),
        fails("h02-flood-of-handles", guest(STDOUT, "", &ever("(call $drop (call $stdout))")), CALLS),
        // Each call costs much: the time is used up before the number.
        fails(
            "h02-flood-of-random",
            large(
                RANDOM,
                "4",
                "",
                &ever("(global.set $heap (i32.const 8192)) (call $random (i64.const 65536) (i32.const 2000))"),
            ),
            &["timeout_cpu", "host_call_limit"],
        ),
        fails(
            "h08-flood-of-no-time-at-all",
            guest(
                CLOCK,
                "(global $p (mut i32) (i32.const 0))",
                &ever(
                    "(global.set $p (call $duration (i64.const 0))) (call $block (global.get $p)) (call $drop (global.get $p))",
                ),
            ),
            CALLS,
        ),
        fails(
            "h08-flood-of-times-long-gone",
            guest(
                CLOCK,
                "(global $p (mut i32) (i32.const 0))",
                &ever(
                    "(global.set $p (call $instant (i64.const 0))) (call $block (global.get $p)) (call $drop (global.get $p))",
                ),
            ),
            CALLS,
        ),
    ]
}

/// Loops of the instructions that do much at once.
pub(super) fn bulk() -> Vec<Case> {
    const CPU: &[&str] = &["timeout_cpu"];
    let ever = |step: &str| format!("(loop $ever {step} (br $ever)) (unreachable)");
    let fill = "(memory.fill (i32.const 65536) (i32.const 1) (i32.const 250000000))";
    let copy = "(memory.copy (i32.const 65537) (i32.const 65536) (i32.const 250000000))";
    let table = "(table $t 40000 funcref)";
    let tables = "(table.fill $t (i32.const 0) (ref.null func) (i32.const 40000))
        (table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 39999))";
    let passive = format!(r#"(data $passive "{}")"#, "x".repeat(60_000));
    let init = "(memory.init $passive (i32.const 0) (i32.const 0) (i32.const 60000))";
    vec![
        fails("h04-fill", large("", "4000", "", &ever(fill)), CPU),
        fails("h04-copy", large("", "4000", "", &ever(copy)), CPU),
        fails("h04-tables", guest("", table, &ever(tables)), CPU),
        fails("h04-init", guest("", &passive, &ever(init)), CPU),
    ]
}

/// Guests that wait, one of them for a server that never answers on this port.
pub(super) fn waits(port: u16) -> Vec<Case> {
    const WALL: &[&str] = &["timeout_wall"];
    let sleep = "(call $block (call $duration (i64.const -1)))";
    let start = format!("(start $start) (func $start {sleep})");
    let url = format!("http://127.0.0.1:{port}/");
    let request = format!(r#"(data (i32.const 1024) "GET") (data (i32.const 1100) "{url}")"#);
    let send = format!(
        "(call $send (i32.const 1024) (i32.const 3) (i32.const 1100) (i32.const {})
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2000)) {EMPTY}",
        url.len()
    );
    vec![
        fails("h09-sleep", guest(CLOCK, "", &format!("{sleep} {EMPTY}")), WALL),
        fails("h09-sleep-at-start", guest(CLOCK, &start, EMPTY), WALL),
        fails("h09-silent-server", guest(HTTP, &request, &send), WALL),
    ]
}
