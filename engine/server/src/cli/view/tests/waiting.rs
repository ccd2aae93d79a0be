//! What is drawn of runs that wait for people or for a time, and of what is undone; and for a reader that goes away.

use serde_json::{Value as Json, json};

use super::{draw, release};
use crate::cli::view::*;

/// A release that asks people, waits, fails and is undone, told in events.
fn careful_release() -> Vec<(&'static str, Json)> {
    let at = |minute: u32, second: u32, millis: u32| format!("2026-01-02T12:{minute:02}:{second:02}.{millis:03}Z");
    let request = json!({
        "message": "Ship it?", "approvers": [{"role": "release_manager"}, {"user": "ada"}], "required": 2,
        "deadline": 1_767_441_600_000_i64,
    });
    let busy = json!({"code": "transient", "message": "busy"});
    vec![
        ("run.queued", json!({"at": at(0, 0, 0), "run": "run_01", "pipeline": "release"})),
        ("stage.started", json!({"at": at(0, 0, 0), "stage": "build", "attempt": 1})),
        ("stage.succeeded", json!({"at": at(0, 1, 0), "stage": "build", "attempt": 1, "usage": {"wall_ms": 990}})),
        ("approval.requested", json!({"at": at(0, 1, 0), "run": "run_01", "stage": "review", "request": request})),
        ("run.waiting", json!({"at": at(0, 1, 0)})),
        ("approval.granted", json!({"at": at(1, 6, 0), "stage": "review", "by": "ada", "comment": "looks good"})),
        ("approval.granted", json!({"at": at(1, 6, 0), "stage": "review", "by": "joan"})),
        (
            "stage.succeeded",
            json!({"at": at(1, 6, 0), "stage": "review", "attempt": 0, "usage": {"cpu_ms": 0, "wall_ms": 0}}),
        ),
        ("stage.started", json!({"at": at(1, 6, 10), "stage": "deploy", "attempt": 1})),
        (
            "stage.retrying",
            json!({"at": at(1, 6, 110), "stage": "deploy", "error": busy, "until": 1_767_355_270_000_i64}),
        ),
        ("run.waiting", json!({"at": at(1, 6, 110)})),
        ("stage.started", json!({"at": at(1, 10, 0), "stage": "deploy", "attempt": 2})),
        (
            "stage.failed",
            json!({"at": at(1, 10, 500), "stage": "deploy", "attempt": 2, "allowed": false, "error": busy}),
        ),
        ("stage.skipped", json!({"at": at(1, 10, 500), "stage": "deploy.compensate", "reason": "nothing to undo"})),
        ("run.compensating", json!({"at": at(1, 10, 500)})),
        ("stage.started", json!({"at": at(1, 10, 500), "stage": "build.compensate", "attempt": 1})),
        ("stage.succeeded", json!({"at": at(1, 10, 900), "stage": "build.compensate", "attempt": 1})),
        ("stage.compensated", json!({"at": at(1, 10, 900), "stage": "build"})),
        ("run.failed", json!({"at": at(1, 11, 0), "compensated": true})),
    ]
}

#[test]
fn a_pipe_is_told_what_is_asked_what_is_waited_for_and_what_is_undone() {
    insta::assert_snapshot!(draw(Mode::Plain, &careful_release()), @r"
    12:00:00 run > queued release run_01
    12:00:00 build > started
    12:00:01 build > succeeded in 1.0 s
    12:00:01 review > asks for approval: Ship it?
    12:00:01 review | asked: role release_manager, user ada
    12:00:01 review | needed: 2 approvals by 2026-01-03 12:00:00 UTC
    12:00:01 review | to approve: kiket runs approve run_01 review
    12:00:01 run > waiting
    12:01:06 review > approved by ada: looks good
    12:01:06 review > approved by joan
    12:01:06 review > succeeded in 1 min 5 s
    12:01:06 deploy > started
    12:01:06 deploy > will be tried again at 12:01:10, transient: busy
    12:01:06 run > waiting
    12:01:10 deploy > started, attempt 2
    12:01:10 deploy > failed in 0.5 s, transient: busy
    12:01:10 run > undoing what it has done
    12:01:10 build.compensate > started
    12:01:10 build.compensate > succeeded in 0.4 s
    12:01:10 build > undone
    12:01:11 run > release failed in 1 min 11 s; what it had done is undone
    ");
}

#[test]
fn a_terminal_is_told_what_is_asked_what_is_waited_for_and_what_is_undone() {
    insta::assert_snapshot!(draw(Mode::Terminal, &careful_release()), @r"
    release run_01
    ✓ build 1.0 s
    ? review asks for approval: Ship it?
        asked: role release_manager, user ada
        needed: 2 approvals by 2026-01-03 12:00:00 UTC
        to approve: kiket runs approve run_01 review
    · review approved by ada: looks good
    · review approved by joan
    ✓ review 1 min 5 s
    ↻ deploy 0.1 s transient: busy, tried again at 12:01:10 UTC
    ✗ deploy 0.5 s transient: busy
    ↶ undoing what it has done
    ✓ build.compensate 0.4 s
    ↶ build undone
    ✗ release failed in 1 min 11 s; what it had done is undone
    ");
}

#[test]
fn a_refusal_and_a_deadline_are_told() {
    let events = vec![
        ("approval.rejected", json!({"at": "2026-01-02T12:00:00Z", "stage": "a", "by": "ada", "comment": "not today"})),
        ("approval.expired", json!({"at": "2026-01-02T12:00:01Z", "stage": "b"})),
        ("stage.waiting", json!({"at": "2026-01-02T12:00:02Z", "stage": "c", "reason": "for room"})),
    ];
    insta::assert_snapshot!(draw(Mode::Plain, &events), @r"
    12:00:00 a > rejected by ada: not today
    12:00:01 b > too few have approved in time
    12:00:02 c > waiting for room
    ");
    insta::assert_snapshot!(draw(Mode::Terminal, &events), @r"
    · a rejected by ada: not today
    · b too few have approved in time
    ");
}

#[test]
fn without_a_server_no_command_is_named() {
    let mut out = Vec::new();
    let mut view = View::new(Mode::Plain, &mut out);
    for (kind, data) in careful_release() {
        view.event(kind, &data).unwrap();
    }
    let drawn = String::from_utf8(out).unwrap();
    assert!(drawn.contains("asks for approval") && !drawn.contains("kiket runs"), "{drawn}");
}

/// A pipe whose reader goes away after some lines.
struct Reader {
    lines: usize,
}

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.lines == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.lines -= bytes.iter().filter(|byte| **byte == b'\n').count();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for mode in [Mode::Plain, Mode::Json] {
        let mut view = View::new(mode, Reader { lines: 2 });
        let read: Vec<bool> = release()
            .iter()
            .map(|(kind, data)| {
                view.event(kind, data).unwrap();
                view.is_read()
            })
            .collect();
        assert!(read[0] && !read[read.len() - 1], "{mode:?}: {read:?}");
    }
}
