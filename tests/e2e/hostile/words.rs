//! H6, H8, H13, H14, H15: guests that hand over too much, something broken, or something that is meant for a reader's terminal.

use crate::guest::{FAILURES, HTTP, LOG, RESULT};

use super::case::{Case, EMPTY, fails, guest, large, succeeds};

const PRINT: &str = r#"
    (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
    (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
        (func $write (param i32 i32 i32 i32)))
    (import "wasi:io/streams@0.2.0" "[method]output-stream.write" (func $push (param i32 i32 i32 i32)))"#;

const RANDOM: &str = r#"(import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))"#;

/// What is meant for a terminal or a browser; each is one line of a log.
pub(super) const NASTY: [&str; 6] = [
    "\\1b[2J\\1b[31mred\\1b[0m",
    "\\1b]52;c;cm0gLXJmIH4=\\07",
    "\\1b]0;title\\1b\\5c\\1b[6n\\c2\\9b31m",
    "10 %\\0d100 % done, all stages succeeded",
    "</script><script>alert(1)</script><img src=x onerror=alert(1)>",
    "\\e2\\80\\aetxt.exe\\e2\\80\\ac \\07\\08\\00\\7f",
];

/// Results and arguments that are too large or point nowhere.
pub(super) fn payloads() -> Vec<Case> {
    const LARGE: &[&str] = &["payload_too_large"];
    const TRAP: &[&str] = &["trap"];
    let spaces = |length: usize| {
        let body = format!(
            "(memory.fill (i32.const 65536) (i32.const 32) (i32.const {length}))
             (call $ok (i32.const 65536) (i32.const {length}))"
        );
        large("", "4000", "", &body)
    };
    let deep = format!(r#"(data (i32.const 10000) "{{\"a\":{}{}}}")"#, "[".repeat(2000), "]".repeat(2000));
    let nul = r#"(data (i32.const 10000) "{\"a\":\"\ff\fe\"}")"#;
    // Header fields: a list of pairs of texts, all of them empty.
    let headers = |fields: usize| {
        format!(
            "(call $send (i32.const 8000) (i32.const 0) (i32.const 8000) (i32.const 0)
                (i32.const 65536) (i32.const {fields}) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2000)) {EMPTY}"
        )
    };
    let failure = "(memory.fill (i32.const 65536) (i32.const 65) (i32.const 6000000))
        (call $fail (i32.const 2) (i32.const 65536) (i32.const 6000000))";
    vec![
        fails("h06-two-megabytes", spaces(2_000_000), LARGE),
        fails("h06-200-megabytes", spaces(200_000_000), LARGE),
        fails("h06-beyond-the-end", guest("", "", "(call $ok (i32.const 60000) (i32.const 100000000))"), TRAP),
        fails("h06-nowhere", guest("", "", "(i32.const -4)"), TRAP),
        fails("h06-unaligned", guest("", "", "(i32.const 17)"), TRAP),
        fails("h06-no-such-case", guest("", "", "(i32.store8 (i32.const 16) (i32.const 7)) (i32.const 16)"), TRAP),
        fails("h06-not-text", guest("", nul, "(call $ok (i32.const 10000) (i32.const 10))"), TRAP),
        fails("h06-deep", guest("", &deep, "(call $ok (i32.const 10000) (i32.const 4006))"), &["invalid_output"]),
        fails("h06-not-json", guest("", "", "(call $ok (i32.const 8000) (i32.const 1))"), &["invalid_output"]),
        fails("h06-ten-million-fields", large(HTTP, "4000", "", &headers(10_000_000)), LARGE),
        fails("h06-100-million-fields", large(HTTP, "4000", "", &headers(100_000_000)), TRAP),
        fails("h06-endless-failure", large("", "100", "", failure), &["permanent"]),
    ]
}

/// Numbers at the edges. The request is granted to reach this port.
pub(super) fn edges(port: u16) -> Vec<Case> {
    let url = format!("http://127.0.0.1:{port}/");
    let request = format!(r#"(data (i32.const 1024) "GET") (data (i32.const 1100) "{url}")"#);
    let send = format!(
        "(call $send (i32.const 1024) (i32.const 3) (i32.const 1100) (i32.const {})
            (i32.const 65536) (i32.const 10000) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2000))
         (call $fail (i32.const 0) (i32.load (i32.const 2008)) (i32.load (i32.const 2012)))",
        url.len()
    );
    // Its manifest says that it changes nothing.
    let post = format!(r#"(data (i32.const 1024) "POST") (data (i32.const 1100) "{url}") {FAILURES}"#);
    let send_post = format!(
        "(call $send (i32.const 1024) (i32.const 4) (i32.const 1100) (i32.const {})
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2000)) {RESULT}",
        url.len()
    );
    let report = r#"(import "kiket:plugin/progress@0.1.0" "report" (func $report (param i32 i32 i64 i32 i64)))"#;
    let far = "(i32.store8 (i32.const 40) (i32.const 1)) (i64.store (i32.const 48) (i64.const -1))
        (call $fail (i32.const 1) (i32.const 8000) (i32.const 2))";
    vec![
        fails(
            "h08-all-the-random",
            guest(RANDOM, "", &format!("(call $random (i64.const -1) (i32.const 2000)) {EMPTY}")),
            &["trap"],
        ),
        fails("h08-ten-thousand-fields", large(HTTP, "100", &request, &send), &["invalid_input"]),
        fails("h15-pure-and-yet-it-posts", guest(HTTP, &post, &send_post), &["denied"]),
        fails("h08-try-again-in-ages", guest("", "", far), &["transient"]),
        succeeds(
            "h08-more-than-all-done",
            guest(
                report,
                "",
                &format!(
                    "(call $report (i32.const 8000) (i32.const 2) (i64.const -1) (i32.const 1) (i64.const 0)) {EMPTY}"
                ),
            ),
        ),
    ]
}

/// Logs that are too much, or that are meant for whoever reads them.
pub(super) fn logs() -> Vec<Case> {
    const LARGE: &[&str] = &["payload_too_large"];
    let ever = |step: &str| format!("(loop $ever {step} (br $ever)) (unreachable)");
    let log = |length: usize| format!("(call $log (i32.const 1) (i32.const 65536) (i32.const {length}))");
    let breaks =
        format!("(memory.fill (i32.const 65536) (i32.const 10) (i32.const 1000000)) {}", ever(&log(1_000_000)));
    let print = "(call $write (call $stdout) (i32.const 0) (i32.const 4096) (i32.const 2000))";
    // One handle is enough; where none is dropped, there are not many.
    let print = print.replace("(call $stdout)", "(global.get $out)");
    let out = "(global $out (mut i32) (i32.const 0))";
    let printing = |step: &str| format!("(global.set $out (call $stdout)) {step}");
    let nasty: String = NASTY
        .iter()
        .enumerate()
        .map(|(number, text)| format!(r#"(data (i32.const {}) "{text}")"#, 10_000 + 100 * number))
        .collect();
    let lines: String = (0..NASTY.len())
        .map(|number| format!("(call $log (i32.const 1) (i32.const {}) (i32.const 70))", 10_000 + 100 * number))
        .collect();
    vec![
        fails("h13-one-line-of-100-megabytes", large(LOG, "4000", "", &format!("{} {EMPTY}", log(100_000_000))), LARGE),
        fails("h13-lines-of-a-megabyte", large(LOG, "100", "", &ever(&log(1_000_000))), LARGE),
        fails("h13-a-million-empty-lines", large(LOG, "100", "", &breaks), &["host_call_limit"]),
        fails("h13-a-line-without-end", guest(PRINT, out, &printing(&ever(&print))), LARGE),
        fails(
            "h13-more-than-was-asked-for",
            large(
                PRINT,
                "100",
                out,
                &printing(
                    "(call $push (global.get $out) (i32.const 0) (i32.const 5000000) (i32.const 2000)) (unreachable)",
                ),
            ),
            &["trap"],
        ),
        succeeds("h13-for-your-eyes", guest(LOG, &nasty, &format!("{lines} {EMPTY}"))),
    ]
}

/// Guests that end otherwise than by returning.
pub(super) fn ends() -> Vec<Case> {
    const TRAP: &[&str] = &["trap"];
    let exit = r#"(import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))"#;
    let stderr = r#"
        (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))
        (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
            (func $write (param i32 i32 i32 i32)))"#;
    let words = r#"(data (i32.const 10000) "panicked at \1b[31mhere\0d\0a")"#;
    let panic = "(call $write (call $stderr) (i32.const 10000) (i32.const 23) (i32.const 2000)) (unreachable)";
    let after = r#"(func (export "cabi_post_kiket:plugin/action@0.1.0#run") (param i32) (unreachable))"#;
    vec![
        fails("h14-trap", guest("", "", "(unreachable)"), TRAP),
        fails("h14-trap-at-start", guest("", "(start $s) (func $s (unreachable))", EMPTY), TRAP),
        fails("h14-trap-after-the-return", guest("", after, EMPTY), TRAP),
        fails("h14-exit-well", guest(exit, "", "(call $exit (i32.const 0)) (unreachable)"), TRAP),
        fails("h14-exit-badly", guest(exit, "", "(call $exit (i32.const 1)) (unreachable)"), TRAP),
        fails("h14-panic", guest(stderr, words, panic), TRAP),
        fails(
            "h14-divide-by-zero",
            guest(
                "",
                "",
                "(drop (i32.div_s (i32.const 1) (local.get $attempt))) (i32.div_u (i32.const 1) (i32.const 0))",
            ),
            TRAP,
        ),
    ]
}
