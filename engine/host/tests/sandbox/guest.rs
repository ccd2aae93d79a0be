//! Makes components out of a few lines of WAT.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The plugin world and the parts of WASI that guests here use, plus an import no host has.
const WORLD: &str = r"
package test:guest;

world guest {
    include kiket:plugin/plugin@0.1.0;
    import wasi:cli/stdout@0.2.0;
    import wasi:cli/stderr@0.2.0;
    import wasi:cli/exit@0.2.0;
    import wasi:clocks/monotonic-clock@0.2.0;
    import wasi:random/random@0.2.0;
    import wasi:nn/inference@0.2.0;
    import evil:rocket/launcher@1.0.0;
}

package wasi:io@0.2.0 {
    interface error { resource error; }
    interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream {
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
        }
    }
}
package wasi:cli@0.2.0 {
    interface stdout { use wasi:io/streams@0.2.0.{output-stream}; get-stdout: func() -> output-stream; }
    interface stderr { use wasi:io/streams@0.2.0.{output-stream}; get-stderr: func() -> output-stream; }
    interface exit { exit: func(status: result); }
}
package wasi:clocks@0.2.0 {
    interface monotonic-clock { now: func() -> u64; }
}
package wasi:random@0.2.0 {
    interface random { get-random-bytes: func(len: u64) -> list<u8>; }
}
package wasi:nn@0.2.0 {
    interface inference { compute: func(); }
}
package evil:rocket@1.0.0 {
    interface launcher { launch: func(); }
}
";

/// The import that takes a log line: `(call $log (level) (pointer) (length))`.
pub(crate) const LOG: &str = r#"(import "kiket:plugin/log@0.1.0" "line" (func $log (param i32 i32 i32)))"#;

/// The import that sends a request; the last parameter points to where the result goes.
pub(crate) const HTTP: &str = r#"(import "kiket:plugin/http@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;

/// A component whose `run` has this body. `items` come after the imports.
///
/// The body's parameters are `$action $input $env $project $run $stage $effect`, each with
/// its length (`$input_len` …), and `$attempt`. `$ok` and `$fail` make its result.
pub(crate) fn component(imports: &str, items: &str, body: &str) -> Vec<u8> {
    encode(&module(imports, "1", items, body))
}

/// The same with a memory of this type, for instance `1 10`.
pub(crate) fn component_with_memory(memory: &str, items: &str, body: &str) -> Vec<u8> {
    encode(&module("", memory, items, body))
}

/// A component that returns this text.
pub(crate) fn returning(output: &str) -> Vec<u8> {
    let text = output.replace('\\', "\\\\").replace('"', "\\\"");
    component(
        "",
        &format!(r#"(data (i32.const 1024) "{text}")"#),
        &format!("(call $ok (i32.const 1024) (i32.const {}))", output.len()),
    )
}

/// A component that sends `method url` and returns the response's body, or its error as a failure.
pub(crate) fn requesting(method: &str, url: &str) -> Vec<u8> {
    let (method_len, url_len) = (method.len(), url.len());
    component(
        HTTP,
        &format!(r#"(data (i32.const 1024) "{method}") (data (i32.const 1100) "{url}") {FAILURES}"#),
        &format!(
            "(call $send
                (i32.const 1024) (i32.const {method_len}) (i32.const 1100) (i32.const {url_len})
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2000))
             {RESULT}"
        ),
    )
}

/// A component that sends what it is called with: the action is the method, the input the URL, the
/// environment the header fields. It returns as [`requesting`] does.
pub(crate) fn sending() -> Vec<u8> {
    let send = "(call $send
        (local.get $action) (local.get $action_len) (local.get $input) (local.get $input_len)
        (local.get $env) (local.get $env_len) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2000))";
    component(HTTP, FAILURES, &format!("{send} {RESULT}"))
}

/// The same, but it follows a response of status 302 to wherever its first header field says.
pub(crate) fn following() -> Vec<u8> {
    let send = "(call $send
        (local.get $action) (local.get $action_len) (local.get $input) (local.get $input_len)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2000))
        (if (i32.and (i32.eqz (i32.load8_u (i32.const 2000)))
                     (i32.eq (i32.load16_u (i32.const 2004)) (i32.const 302)))
          (then (call $send
            (local.get $action) (local.get $action_len)
            (i32.load offset=8 (i32.load (i32.const 2008))) (i32.load offset=12 (i32.load (i32.const 2008)))
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2000))))";
    component(HTTP, FAILURES, &format!("{send} {RESULT}"))
}

/// The failure for each error of a request: denied, invalid-input, permanent, transient, permanent.
pub(crate) const FAILURES: &str = r#"(data (i32.const 1800) "\03\00\02\01\02")"#;

/// Returns the response at 2000: its body, or its error as a failure.
pub(crate) const RESULT: &str = "(if (result i32) (i32.load8_u (i32.const 2000))
    (then (call $fail
      (i32.load8_u (i32.add (i32.const 1800) (i32.load8_u (i32.const 2004))))
      (i32.load (i32.const 2008)) (i32.load (i32.const 2012))))
    (else (call $ok (i32.load (i32.const 2016)) (i32.load (i32.const 2020)))))";

/// Makes a core module a component.
pub(crate) fn encode(module: &str) -> Vec<u8> {
    encode_in(WORLD, "guest", module)
}

/// Makes a core module a component of this world, which is one of `package test:guest`.
pub(crate) fn encode_in(wit: &str, world: &str, module: &str) -> Vec<u8> {
    let mut module = wat::parse_str(module).expect("a module");
    let mut resolve = Resolve::default();
    resolve.push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit")).expect("the plugin package");
    let package = resolve.push_str("guest.wit", wit).expect("the guest package");
    let world = resolve.select_world(&[package], Some(world)).expect("the guest world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
    let encoder = ComponentEncoder::default().validate(true).module(&module);
    encoder.and_then(|mut encoder| encoder.encode()).expect("a component")
}

pub(crate) fn module(imports: &str, memory: &str, items: &str, body: &str) -> String {
    format!(
        r#"(module $guest
  {imports}
  (memory (export "memory") {memory})
  (global $heap (mut i32) (i32.const 8192))
  {items}

  ;; A bump allocator: 16-byte steps, grows by the page, traps when there is no more.
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (block $fits
      (loop $more
        (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
        (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
        (unreachable)))
    (local.get $at))

  ;; result<string, failure> at 16: the case, then 8-aligned the string or the failure.
  (func $ok (param $text i32) (param $len i32) (result i32)
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.store (i32.const 24) (local.get $text))
    (i32.store (i32.const 28) (local.get $len))
    (i32.const 16))
  (func $fail (param $case i32) (param $text i32) (param $len i32) (result i32)
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.store8 (i32.const 24) (local.get $case))
    (i32.store (i32.const 32) (local.get $text))
    (i32.store (i32.const 36) (local.get $len))
    (i32.const 16))

  (func $run (export "kiket:plugin/action@0.1.0#run")
    (param $action i32) (param $action_len i32) (param $input i32) (param $input_len i32)
    (param $env i32) (param $env_len i32) (param $project i32) (param $project_len i32)
    (param $run i32) (param $run_len i32)
    (param $stage i32) (param $stage_len i32) (param $attempt i32)
    (param $effect i32) (param $effect_len i32) (result i32)
    {body}))"#
    )
}
