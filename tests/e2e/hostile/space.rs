//! H3, H5, H7: guests that want all the room there is, of memory, stack and handles.

use crate::binary::{CORE_INSTANCE, CORE_MODULE, repeat};

use super::case::{Case, EMPTY, allocating, fails, guest, large, owning, with};

/// Memories and tables.
pub(super) fn memory() -> Vec<Case> {
    const MEMORY: &[&str] = &["memory_limit"];
    let grow = "(loop $ever (br_if $ever (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)";
    let touch = "(local $at i32) (loop $ever
        (i32.store (local.get $at) (i32.const 1)) (local.set $at (i32.add (local.get $at) (i32.const 4096)))
        (br_if $ever (i32.lt_u (local.get $at) (i32.const 268000000))) (local.set $at (i32.const 0)) (br $ever))
        (unreachable)";
    let table = "(loop $ever (br_if $ever (i32.ne (table.grow (ref.null func) (i32.const 100)) (i32.const -1))))
        (drop (memory.grow (i32.const 4095))) (drop (memory.grow (i32.const 4095))) (unreachable)";
    let module = |text: &str| (CORE_MODULE, wat::parse_str(text).expect("a module"));
    // `$second` is the next module: instantiated so many times without arguments.
    let instances = |times| (CORE_INSTANCE, repeat(times, &[0, 1, 0]));
    vec![
        fails("h03-grow", guest("", "", grow), MEMORY),
        fails(
            "h03-grow-to-four-gigabytes",
            guest(
                "",
                "",
                &format!("(if (i32.eq (memory.grow (i32.const 65535)) (i32.const -1)) (then (unreachable))) {EMPTY}"),
            ),
            MEMORY,
        ),
        fails("h03-begin-with-all", large("", "4096", "", grow), MEMORY),
        fails("h03-begin-with-too-much", large("", "65536", "", EMPTY), &["plugin"]),
        fails("h03-touch-every-page", large("", "4096", "", touch), &["timeout_cpu"]),
        fails("h03-grow-tables", guest("", "(table 0 funcref)", table), MEMORY),
        fails("h03-many-memories", with(&[module("(module (memory 1000))"), instances(6)]), MEMORY),
        fails("h03-more-memories", with(&[module("(module (memory 1))"), instances(50)]), &["plugin"]),
    ]
}

/// Recursion.
pub(super) fn stack() -> Vec<Case> {
    const STACK: &[&str] = &["stack_overflow"];
    let plain = "(func $deep (param i32) (result i32)
        (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (local.get 0)))";
    let indirect = "(table funcref (elem $even $odd)) (type $t (func (param i32) (result i32)))
        (func $even (param i32) (result i32) (i32.add (call_indirect (type $t) (local.get 0) (i32.const 1)) (i32.const 1)))
        (func $odd (param i32) (result i32) (i32.add (call_indirect (type $t) (local.get 0) (i32.const 0)) (i32.const 1)))";
    let arguments = "(local.get 0) ".repeat(900);
    let wide = format!(
        "(func $deep (param {}) (result i64) (i64.add (call $deep {arguments}) (local.get 899)))",
        "i64 ".repeat(900)
    );
    let call_wide = format!("(drop (call $deep {})) {EMPTY}", "(i64.const 1) ".repeat(900));
    let random = r#"(import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))"#;
    vec![
        fails("h05-recurse", guest("", plain, &format!("(drop (call $deep (i32.const 0))) {EMPTY}")), STACK),
        fails(
            "h05-recurse-by-turns",
            guest("", indirect, &format!("(drop (call $even (i32.const 0))) {EMPTY}")),
            STACK,
        ),
        fails("h05-recurse-with-much", guest("", &wide, &call_wide), STACK),
        // The host asks for room, and is asked for something that needs room before it has it.
        fails(
            "h05-recurse-through-the-host",
            allocating(random, "(call $random (i64.const 100) (i32.const 2000)) (i32.const 9000)"),
            &["trap"],
        ),
    ]
}

/// Handles.
pub(super) fn handles() -> Vec<Case> {
    const TRAP: &[&str] = &["trap"];
    let stdout = r#"(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))"#;
    let poll = r#"
        (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $duration (param i64) (result i32)))
        (import "wasi:io/poll@0.2.0" "poll" (func $poll (param i32 i32 i32)))
        (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
        (import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop (param i32)))"#;
    let ever = |step: &str| format!("(loop $ever {step} (br $ever)) (unreachable)");
    let twice = "(local $p i32) (local.set $p (call $duration (i64.const 0))) (call $drop (local.get $p))";
    // A list of the same handle, again and again.
    let crowd = format!(
        "(local $p i32) (local $at i32) (local.set $p (call $duration (i64.const 0))) (local.set $at (i32.const 65536))
         (loop $more (i32.store (local.get $at) (local.get $p)) (local.set $at (i32.add (local.get $at) (i32.const 4)))
            (br_if $more (i32.lt_u (local.get $at) (i32.const 40000000))))
         (call $poll (i32.const 65536) (i32.const 9900000) (i32.const 2000)) {EMPTY}"
    );
    let instances = (CORE_INSTANCE, repeat(900, &[0, 1, 0]));
    let empty = (CORE_MODULE, b"\0asm\x01\0\0\0".to_vec());
    vec![
        fails("h07-streams", guest(stdout, "", &ever("(drop (call $stdout))")), TRAP),
        fails("h07-pollables", guest(poll, "", &ever("(drop (call $duration (i64.const 1)))")), TRAP),
        fails("h07-things", owning("", &ever("(drop (call $new (i32.const 1)))")), TRAP),
        fails("h07-drop-twice", guest(poll, "", &format!("{twice} (call $drop (local.get $p)) {EMPTY}")), TRAP),
        fails("h07-use-after-drop", guest(poll, "", &format!("{twice} (call $block (local.get $p)) {EMPTY}")), TRAP),
        fails(
            "h07-poll-nothing",
            guest(poll, "", &format!("(call $poll (i32.const 0) (i32.const 0) (i32.const 2000)) {EMPTY}")),
            TRAP,
        ),
        fails("h07-poll-millions", large(poll, "1000", "", &crowd), &["payload_too_large"]),
        fails("h07-instances", with(&[empty, instances]), &["plugin"]),
        fails(
            "h14-trap-in-a-destructor",
            owning("(unreachable)", &format!("(call $drop (call $new (i32.const 1))) {EMPTY}")),
            TRAP,
        ),
    ]
}
