//! What guests say: log lines, progress, stdout and stderr, and their last words.

use std::sync::Arc;

use kiket_host::{Level, LogLine, Progress};

use crate::guest::{LOG, component};
use crate::harness::{Recorder, invoke, invoke_with, refused};

const STDERR: &str = r#"
    (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))
    (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
        (func $write (param i32 i32 i32 i32)))"#;

const EMPTY: &str = "(call $ok (i32.const 8000) (i32.const 2))";

/// Data with `{}` at 8000 and this text at 1024.
fn saying(text: &str) -> String {
    format!(r#"(data (i32.const 8000) "{{}}") (data (i32.const 1024) "{text}")"#)
}

#[tokio::test]
async fn passes_log_lines_on_with_their_level() {
    let body = "(call $log (i32.const 0) (i32.const 1024) (i32.const 3))
                (call $log (i32.const 3) (i32.const 1024) (i32.const 8))";
    let calls = Arc::new(Recorder::default());
    let guest = component(LOG, &saying("one\\0atwo\\0a"), &format!("{body} {EMPTY}"));
    invoke_with(&guest, &calls, |_| ()).await.expect("an output");
    let line = |level, text: &str| LogLine { level, text: text.into() };
    let expected = [line(Level::Debug, "one"), line(Level::Error, "one"), line(Level::Error, "two")];
    assert_eq!(*calls.lines.lock().expect("lines"), expected);
}

#[tokio::test]
async fn passes_progress_on() {
    let import = r#"(import "kiket:plugin/progress@0.1.0" "report" (func $report (param i32 i32 i64 i32 i64)))"#;
    let body = "(call $report (i32.const 1024) (i32.const 7) (i64.const 3) (i32.const 1) (i64.const 10))";
    let calls = Arc::new(Recorder::default());
    let guest = component(import, &saying("packing"), &format!("{body} {EMPTY}"));
    invoke_with(&guest, &calls, |_| ()).await.expect("an output");
    let expected = Progress { message: "packing".into(), done: 3, total: Some(10) };
    assert_eq!(*calls.reports.lock().expect("reports"), [expected]);
}

#[tokio::test]
async fn makes_lines_of_what_a_guest_prints() {
    // "first\nsec", "ond", and no line break at the end.
    let body = "(call $write (call $stderr) (i32.const 1024) (i32.const 9) (i32.const 2000))
                (call $write (call $stderr) (i32.const 1033) (i32.const 3) (i32.const 2000))";
    let calls = Arc::new(Recorder::default());
    let guest = component(STDERR, &saying("first\\0asecond"), &format!("{body} {EMPTY}"));
    invoke_with(&guest, &calls, |_| ()).await.expect("an output");
    let line = |text: &str| LogLine { level: Level::Warn, text: text.into() };
    assert_eq!(*calls.lines.lock().expect("lines"), [line("first"), line("second")]);
}

#[tokio::test]
async fn quotes_a_guests_last_words_when_it_traps() {
    let body = "(call $write (call $stderr) (i32.const 1024) (i32.const 24) (i32.const 2000)) (call $boom)";
    let items = format!("{} (func $boom (unreachable))", saying("panicked at src/lib.rs:3"));
    let calls = Arc::new(Recorder::default());
    let guest = component(STDERR, &items, &format!("{body} {EMPTY}"));
    let (code, message) = refused(invoke_with(&guest, &calls, |_| ()).await);
    assert_eq!(code, "trap");
    assert!(message.starts_with("the plugin trapped: wasm `unreachable` instruction executed\n"), "{message}");
    assert!(message.contains("\n  stderr: panicked at src/lib.rs:3\n"), "{message}");
    assert!(message.contains("guest!boom") && message.contains("guest!run"), "{message}");
    assert_eq!(calls.texts(), ["panicked at src/lib.rs:3"], "the log has it too");
}

#[tokio::test]
async fn takes_an_exit_for_a_trap() {
    let exit = r#"(import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))"#;
    let (code, message) = refused(invoke(&component(exit, "", "(call $exit (i32.const 1)) (unreachable)")).await);
    assert_eq!(code, "trap");
    assert!(message.starts_with("the plugin exited with status 1"), "{message}");
}

#[tokio::test]
async fn ends_the_call_when_its_log_is_refused() {
    let flood = "(loop $ever (call $log (i32.const 1) (i32.const 1024) (i32.const 1)) (br $ever)) (unreachable)";
    let print = "(loop $ever (call $write (call $stderr) (i32.const 1024) (i32.const 2) (i32.const 2000)) (br $ever))
        (unreachable)";
    for guest in [component(LOG, &saying("x"), flood), component(STDERR, &saying("x\\0a"), print)] {
        let calls = Arc::new(Recorder { lines_until_lost: Some(3), ..Recorder::default() });
        let (code, message) = refused(invoke_with(&guest, &calls, |_| ()).await);
        assert_eq!((code, calls.texts().len()), ("lost", 3), "{message}");
        assert!(message.contains("the lease is gone"), "{message}");
    }
}
