//! What each way of drawing makes of the same run.

mod waiting;
mod wide;

use serde_json::{Value as Json, json};

use super::*;

/// A release that fails in its second stage, told in events.
fn release() -> Vec<(&'static str, Json)> {
    let at = |second: u32, millis: u32| format!("2026-01-02T12:00:{second:02}.{millis:03}Z");
    vec![
        (
            "run.queued",
            json!({"at": at(0, 0), "run": "run_01", "pipeline": "release", "commit": "0123456789abcdef0123456789abcdef01234567"}),
        ),
        ("run.started", json!({"at": at(0, 5), "run": "run_01"})),
        ("stage.ready", json!({"at": at(0, 5), "stage": "build"})),
        ("stage.started", json!({"at": at(0, 10), "stage": "build", "attempt": 1})),
        ("stage.progress", json!({"at": at(0, 500), "stage": "build", "message": "compiling", "done": 3, "total": 10})),
        (
            "stage.log",
            json!({"at": at(1, 0), "stage": "build", "lines": [{"level": "info", "text": "\u{1b}[32mdone\u{1b}[0m\u{7}"}]}),
        ),
        (
            "stage.succeeded",
            json!({"at": at(1, 210), "stage": "build", "outputs": {}, "usage": {"cpu_ms": 4, "wall_ms": 1180, "memory_bytes": 1}}),
        ),
        ("stage.started", json!({"at": at(2, 0), "stage": "deploy", "attempt": 1})),
        (
            "stage.retrying",
            json!({"at": at(2, 100), "stage": "deploy", "error": {"code": "transient", "message": "busy"}}),
        ),
        ("stage.started", json!({"at": at(3, 0), "stage": "deploy", "attempt": 2})),
        (
            "stage.log",
            json!({"at": at(3, 100), "stage": "deploy", "lines": [{"level": "error", "text": "first\nsecond \u{1b}[2J"}]}),
        ),
        (
            "stage.failed",
            json!({"at": at(3, 300), "stage": "deploy", "attempt": 2, "allowed": false,
                   "error": {"code": "timeout_cpu", "message": "the guest used \u{1b}]0;30 s\u{7}30 s"}}),
        ),
        ("stage.skipped", json!({"at": at(3, 300), "stage": "tell", "reason": "deploy failed"})),
        ("unknown.kind", json!({"at": at(3, 301), "stage": "tell"})),
        ("run.failed", json!({"at": at(3, 400)})),
    ]
}

fn draw(mode: Mode, events: &[(&str, Json)]) -> String {
    let mut out = Vec::new();
    let mut view = View::new(mode, &mut out).with_commands();
    if let Drawing::Terminal(terminal) = &mut view.drawing {
        *terminal = Terminal::new(false);
    }
    for (kind, data) in events {
        view.event(kind, data).unwrap();
    }
    drop(view);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_pipe_gets_a_line_for_each_thing_that_happens() {
    insta::assert_snapshot!(draw(Mode::Plain, &release()), @r"
    12:00:00 run > queued release run_01 at 0123456789
    12:00:00 run > started
    12:00:00 build > started
    12:00:00 build | compiling 3/10
    12:00:01 build | done�
    12:00:01 build > succeeded in 1.2 s
    12:00:02 deploy > started
    12:00:02 deploy > will be tried again, transient: busy
    12:00:03 deploy > started, attempt 2
    12:00:03 deploy | first
    12:00:03 deploy | second
    12:00:03 deploy > failed in 0.3 s, timeout_cpu: the guest used 30 s
    12:00:03 tell > skipped, deploy failed
    12:00:03 run > release failed in 3.4 s
    ");
}

#[test]
fn a_terminal_keeps_what_ended_and_the_log_of_what_failed() {
    insta::assert_snapshot!(draw(Mode::Terminal, &release()), @r"
    release run_01 at 0123456789
    ✓ build 1.2 s
    ↻ deploy 0.1 s transient: busy, trying again
    ✗ deploy 0.3 s timeout_cpu: the guest used 30 s
        first
        second 
    - tell skipped: deploy failed
    ✗ release failed in 3.4 s
    ");
}

#[test]
fn json_is_one_event_a_line_and_nothing_is_lost() {
    let events = release();
    let drawn = draw(Mode::Json, &events);
    let read: Vec<Json> = drawn.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, events.into_iter().map(|(_, data)| data).collect::<Vec<_>>());
}

#[test]
fn no_way_of_drawing_lets_a_control_character_through() {
    let hostile = "\u{1b}[2J\u{9b}31m\u{7}\u{202e}\u{1b}]52;c;aGk=\u{7}\r";
    let event = json!({
        "at": hostile, "run": hostile, "pipeline": hostile, "commit": hostile, "stage": hostile, "attempt": 1,
        "message": hostile, "reason": hostile, "by": hostile, "comment": hostile, "until": hostile,
        "request": {"message": hostile, "approvers": [{"role": hostile}, {"user": hostile}], "deadline": hostile},
        "error": {"code": hostile, "message": hostile},
        "lines": [{"level": hostile, "text": hostile}], "outputs": {(hostile): hostile},
    });
    let kinds = [
        "run.queued",
        "run.started",
        "run.waiting",
        "run.compensating",
        "approval.requested",
        "approval.granted",
        "approval.rejected",
        "approval.expired",
        "stage.ready",
        "stage.waiting",
        "stage.compensated",
        "stage.started",
        "stage.log",
        "stage.progress",
        "stage.retrying",
        "stage.started",
        "stage.log",
        "stage.failed",
        "stage.skipped",
        "stage.cancelled",
        "stage.succeeded",
        "run.failed",
        "run.succeeded",
        "run.cancelled",
    ];
    let events: Vec<_> = kinds.into_iter().map(|kind| (kind, event.clone())).collect();
    for mode in [Mode::Plain, Mode::Terminal, Mode::Json] {
        let drawn = draw(mode, &events);
        let bad = drawn.chars().find(|char| char.is_control() && *char != '\n' || *char == '\u{202e}');
        assert_eq!(bad, None, "{mode:?}: {drawn:?}");
    }
}

#[test]
fn outputs_are_shown_and_a_long_log_is_cut_at_its_start() {
    let mut events = vec![("stage.started", json!({"stage": "build"}))];
    let lines: Vec<Json> = (0..250).map(|n| json!({"text": format!("line {n}")})).collect();
    events.push(("stage.log", json!({"stage": "build", "lines": lines})));
    events
        .push(("stage.failed", json!({"stage": "build", "allowed": true, "error": {"code": "trap", "message": "m"}})));
    events.push(("run.succeeded", json!({"outputs": {"url": "https://shop", "n": 2}})));
    let drawn = draw(Mode::Terminal, &events);
    let shown: Vec<&str> = drawn.lines().collect();
    assert_eq!(shown[..3], ["! build trap: m (allowed)", "    … 50 lines before these", "    line 50"]);
    assert_eq!(shown[201..], ["    line 249", "✓ run succeeded", "  url: https://shop", "  n: 2"]);
}
