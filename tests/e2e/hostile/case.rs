//! What a hostile component is, and how one is written.

use crate::binary::{CUSTOM, append, leb};
use crate::guest::{encode_in, module};

/// A component that means harm, and how it has to end.
pub(super) struct Case {
    /// The number of the family and a name: `h01-spin`.
    pub(super) id: &'static str,
    pub(super) component: Vec<u8>,
    pub(super) end: End,
}

impl Case {
    /// The pipeline that calls it.
    pub(super) fn pipeline(&self) -> String {
        self.id.replace('-', "_")
    }

    /// Where the component lies in the repository.
    pub(super) fn file(&self) -> String {
        format!("tools/{}.wasm", self.id)
    }
}

/// How a component ends.
pub(super) enum End {
    /// Its stage fails with one of these codes.
    Fails(&'static [&'static str]),
    /// Its stage succeeds, which harms nobody.
    Succeeds,
    /// It is refused at the push, with a diagnostic that says this.
    Refused(&'static str),
}

/// A component whose stage fails with this code.
pub(super) fn fails(id: &'static str, component: Vec<u8>, codes: &'static [&'static str]) -> Case {
    Case { id, component, end: End::Fails(codes) }
}

/// A component that gets away with what it does.
pub(super) fn succeeds(id: &'static str, component: Vec<u8>) -> Case {
    Case { id, component, end: End::Succeeds }
}

/// A component that is refused before it is a plugin.
pub(super) fn refused(id: &'static str, component: Vec<u8>, says: &'static str) -> Case {
    Case { id, component, end: End::Refused(says) }
}

/// What every one of them says of itself.
const MANIFEST: &str = "id: hostile\nactions: { run: { effect: pure } }\ncapabilities: [http]\n";

/// Returns an empty object: the end of a body that does no harm by its result. `{}` stands at 8000.
pub(super) const EMPTY: &str = "(call $ok (i32.const 8000) (i32.const 2))";

/// A guest with one page of memory. `items` come after the imports; see `guest::component`.
pub(super) fn guest(imports: &str, items: &str, body: &str) -> Vec<u8> {
    large(imports, "1", items, body)
}

/// The same with a memory of this type.
pub(super) fn large(imports: &str, memory: &str, items: &str, body: &str) -> Vec<u8> {
    encode_in(WORLD, "guest", &text(imports, memory, items, body))
}

/// The core module of such a guest, as text.
pub(super) fn text(imports: &str, memory: &str, items: &str, body: &str) -> String {
    let manifest = MANIFEST.replace('\n', "\\0a");
    let items = format!(r#"(@custom "kiket:manifest" "{manifest}") (data (i32.const 8000) "{{}}") {items}"#);
    module(imports, memory, &items, body)
}

/// A guest with another allocator: `at` makes the address to give, and may do harm on the way.
pub(super) fn allocating(imports: &str, at: &str) -> Vec<u8> {
    let own = format!(r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {at})"#);
    let usual = r#"(func (export "cabi_realloc") (param i32 i32 i32) (param $size i32)"#;
    let text = text(imports, "1", &own, EMPTY);
    assert!(text.contains(usual), "the usual one is replaced");
    encode_in(WORLD, "guest", &text.replace(usual, "(func (param i32 i32 i32) (param $size i32)"))
}

/// A guest that has things of its own, `$new` and `$drop`; the destructor of a thing is this.
pub(super) fn owning(destructor: &str, body: &str) -> Vec<u8> {
    let imports = r#"(import "[export]test:guest/things" "[resource-new]thing" (func $new (param i32) (result i32)))
        (import "[export]test:guest/things" "[resource-drop]thing" (func $drop (param i32)))"#;
    let destructor = format!(r#"(func (export "test:guest/things#[dtor]thing") (param i32) {destructor})"#);
    encode_in(WORLD, "owner", &text(imports, "1", &destructor, body))
}

/// A guest that does no harm, for what is put around it.
pub(super) fn harmless() -> Vec<u8> {
    guest("", "", EMPTY)
}

/// The same with more sections behind it.
pub(super) fn with(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut component = harmless();
    sections.iter().for_each(|(id, contents)| append(&mut component, *id, contents));
    component
}

/// A component of this text, with the manifest.
pub(super) fn written(text: &str) -> Vec<u8> {
    let mut component = wat::parse_str(text).expect("a component");
    let name = "kiket:manifest";
    append(&mut component, CUSTOM, &[&leb(name.len()), name.as_bytes(), MANIFEST.as_bytes()].concat());
    component
}

/// The plugin world, the parts of WASI that guests here use, and imports that no host has.
const WORLD: &str = r"
package test:guest;

world guest {
    include kiket:plugin/plugin@0.1.0;
    import wasi:cli/environment@0.2.0;
    import wasi:cli/exit@0.2.0;
    import wasi:cli/stdout@0.2.0;
    import wasi:cli/stderr@0.2.0;
    import wasi:clocks/monotonic-clock@0.2.0;
    import wasi:filesystem/preopens@0.2.0;
    import wasi:io/poll@0.2.0;
    import wasi:random/random@0.2.0;
    import wasi:sockets/instance-network@0.2.0;
    import wasi:sockets/tcp-create-socket@0.2.0;
    import wasi:nn/inference@0.2.0;
    import evil:rocket/launcher@1.0.0;
}
world owner { include guest; export things; }
interface things { resource thing; }

package wasi:io@0.2.0 {
    interface error { resource error; }
    interface poll {
        resource pollable { ready: func() -> bool; block: func(); }
        poll: func(in: list<borrow<pollable>>) -> list<u32>;
    }
    interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream {
            write: func(contents: list<u8>) -> result<_, stream-error>;
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
        }
    }
}
package wasi:cli@0.2.0 {
    interface environment { get-environment: func() -> list<tuple<string, string>>; get-arguments: func() -> list<string>; }
    interface stdout { use wasi:io/streams@0.2.0.{output-stream}; get-stdout: func() -> output-stream; }
    interface stderr { use wasi:io/streams@0.2.0.{output-stream}; get-stderr: func() -> output-stream; }
    interface exit { exit: func(status: result); }
}
package wasi:clocks@0.2.0 {
    interface monotonic-clock {
        use wasi:io/poll@0.2.0.{pollable};
        now: func() -> u64;
        subscribe-instant: func(when: u64) -> pollable;
        subscribe-duration: func(when: u64) -> pollable;
    }
}
package wasi:random@0.2.0 {
    interface random { get-random-bytes: func(len: u64) -> list<u8>; }
}
package wasi:filesystem@0.2.0 {
    interface types { resource descriptor; }
    interface preopens {
        use types.{descriptor};
        get-directories: func() -> list<tuple<descriptor, string>>;
    }
}
package wasi:sockets@0.2.0 {
    interface network {
        resource network;
        enum error-code {
            unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict,
            not-in-progress, would-block, invalid-state, new-socket-limit, address-not-bindable, address-in-use,
            remote-unreachable, connection-refused, connection-reset, connection-aborted, datagram-too-large,
            name-unresolvable, temporary-resolver-failure, permanent-resolver-failure,
        }
        enum ip-address-family { ipv4, ipv6 }
        type ipv4-address = tuple<u8, u8, u8, u8>;
        type ipv6-address = tuple<u16, u16, u16, u16, u16, u16, u16, u16>;
        record ipv4-socket-address { port: u16, address: ipv4-address }
        record ipv6-socket-address { port: u16, flow-info: u32, address: ipv6-address, scope-id: u32 }
        variant ip-socket-address { ipv4(ipv4-socket-address), ipv6(ipv6-socket-address) }
    }
    interface instance-network { use network.{network}; instance-network: func() -> network; }
    interface tcp {
        use network.{network, error-code, ip-socket-address};
        resource tcp-socket {
            start-connect: func(network: borrow<network>, remote-address: ip-socket-address) -> result<_, error-code>;
        }
    }
    interface tcp-create-socket {
        use network.{error-code, ip-address-family};
        use tcp.{tcp-socket};
        create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>;
    }
}
package wasi:nn@0.2.0 {
    interface inference { compute: func(); }
}
package evil:rocket@1.0.0 {
    interface launcher { launch: func(); }
}
";
