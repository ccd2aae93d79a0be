//! H10, H11, H12: components that are not what they should be, or that should not be compiled.

use crate::binary::{CORE_MODULE, CUSTOM, TYPE, busy, custom, functions, nested_types};

use super::case::{Case, EMPTY, fails, guest, harmless, refused, succeeds, with, written};

/// What the compiler has to do with much.
pub(super) fn bombs() -> Vec<Case> {
    const LIMIT: &[&str] = &["compile_limit"];
    // list<list<list<…>>>: each type is a list of the one before.
    let lists: String = (1..=120).map(|number| format!("(type $t{number} (list $t{}))", number - 1)).collect();
    let lists = format!("(component (type $t0 u8) {lists})");
    let nested = format!("{} {}", "(component ".repeat(20), ")".repeat(20));
    // 15,000 blocks one inside the other, each left at once.
    let blocks = [[2, 0x40].repeat(15_000), [0x20, 0, 0x0d, 0, 0x0b].repeat(15_000), vec![0x20, 0]].concat();
    let module = |functions: Vec<u8>| with(&[(CORE_MODULE, functions)]);
    vec![
        fails("h10-busy", module(functions(2_400, &busy(620))), LIMIT),
        fails("h10-a-million-functions", module(functions(1_000_000, &[0x20, 0])), LIMIT),
        fails("h10-one-long-function", module(functions(1, &busy(100_000))), LIMIT),
        succeeds("h10-blocks", module(functions(1, &blocks))),
        succeeds("h10-ballast", with(&[(CUSTOM, custom("ballast", 15_000_000))])),
        refused("h10-nested-types", with(&[(TYPE, nested_types(300_000))]), "takes too much"),
        refused("h10-nested-lists", written(&lists), "too deep"),
        refused("h10-nested-components", written(&nested), "nested"),
        refused("h10-too-large", with(&[(CUSTOM, custom("ballast", 65 << 20))]), "bytes are allowed"),
    ]
}

/// Machine code, and other things that are no component.
pub(super) fn impostors() -> Vec<Case> {
    let elf = [&b"\x7fELF\x02\x01\x01\x00"[..], &[0; 56], b".wasmtime.engine\0.text\0kiket:manifest"].concat();
    let plain = wat::parse_str("(module (@custom \"kiket:manifest\" \"id: x\"))").expect("a module");
    let mut cut = harmless();
    cut.truncate(cut.len() * 2 / 3);
    vec![
        refused("h11-compiled-before", elf.clone(), "not a WebAssembly component"),
        refused("h11-compiled-inside", with(&[(CORE_MODULE, elf)]), "not a usable plugin"),
        refused("h11-a-module", plain, "not a WebAssembly component"),
        refused("h11-text", b"(component)".to_vec(), "not a WebAssembly component"),
        refused("h11-cut-off", cut, "not a usable plugin"),
    ]
}

/// What is not offered.
pub(super) fn forbidden() -> Vec<Case> {
    let import = |interface: &str, function: &str| {
        let import = format!(r#"(import "{interface}" "{function}" (func $call))"#);
        guest(&import, "", &format!("(call $call) {EMPTY}"))
    };
    let module = |text: &str| with(&[(CORE_MODULE, wat::parse_str(text).expect("a module"))]);
    vec![
        refused("h12-unknown-import", import("evil:rocket/launcher@1.0.0", "launch"), "evil:rocket/launcher@1.0.0"),
        refused("h12-wasi-nn", import("wasi:nn/inference@0.2.0", "compute"), "wasi:nn/inference"),
        refused("h12-shared-memory", module("(module (memory 1 1 shared))"), "not a usable plugin"),
        refused(
            "h12-atomics",
            module("(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))"),
            "not a usable plugin",
        ),
        refused("h12-memory64", module("(module (memory i64 1))"), "not a usable plugin"),
        refused("h12-two-memories", module("(module (memory 1) (memory 1))"), "not a usable plugin"),
        refused("h12-exceptions", module("(module (tag $t))"), "not a usable plugin"),
        refused("h12-collected", module("(module (type (struct)))"), "not a usable plugin"),
        refused("h12-async", written("(component (core func (canon task.return)))"), "not a usable plugin"),
        refused("h12-nothing-at-all", written("(component)"), "kiket:plugin/action"),
    ]
}

/// WASI's files, sockets and environment are there and lead nowhere; nobody listens to this port's caller.
pub(super) fn wasi(port: u16) -> Vec<Case> {
    let dial = r#"
        (import "wasi:sockets/instance-network@0.2.0" "instance-network" (func $network (result i32)))
        (import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket" (func $socket (param i32 i32)))
        (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.start-connect"
            (func $connect (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
    let zeros = "(i32.const 0) ".repeat(6);
    // Whatever is refused, and wherever, ends in a failure `denied`.
    let connect = format!(
        "(call $socket (i32.const 0) (i32.const 2000))
         (if (i32.load8_u (i32.const 2000)) (then (return (call $fail (i32.const 3) (i32.const 8000) (i32.const 2)))))
         (call $connect (i32.load (i32.const 2004)) (call $network) (i32.const 0) (i32.const {port})
            (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1) {zeros} (i32.const 2100))
         (if (i32.load8_u (i32.const 2100)) (then (return (call $fail (i32.const 3) (i32.const 8000) (i32.const 2)))))
         {EMPTY}"
    );
    let look = r#"
        (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $folders (param i32)))
        (import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
        (import "wasi:cli/environment@0.2.0" "get-arguments" (func $arguments (param i32)))"#;
    let nothing = format!(
        "(call $folders (i32.const 2000)) (call $environment (i32.const 2008)) (call $arguments (i32.const 2016))
         (if (i32.load (i32.const 2004)) (then (unreachable)))
         (if (i32.load (i32.const 2012)) (then (unreachable)))
         (if (i32.load (i32.const 2020)) (then (unreachable))) {EMPTY}"
    );
    vec![
        fails("h12-sockets", guest(dial, "", &connect), &["denied"]),
        succeeds("h12-files-and-environment", guest(look, "", &nothing)),
    ]
}
