//! The host functions a guest can call, one file per interface of `wit/`.
//!
//! Each begins with its question to the gate and ends in a call to
//! [`HostCalls`](crate::HostCalls); between the two it only translates.

mod http;
mod log;
mod progress;
pub(crate) mod stdio;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::Plugin;
use crate::state::State;

/// What the linker below serves. Only used to say which imports are unknown.
const SERVED: [&str; 9] = [
    "kiket:plugin/log@0.1.",
    "kiket:plugin/progress@0.1.",
    "kiket:plugin/http@0.1.",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

/// The linker every component is linked with, whatever it was granted.
///
/// WASI is there because foreign toolchains import it whether or not a program
/// uses it; it leads into an empty world (see [`State`]).
pub(crate) fn link(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Plugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// Whether an import of this name has a chance to be linked.
pub(crate) fn is_served(import: &str) -> bool {
    let wasi_0_2 = |name: &str| name.split_once('@').is_none_or(|(_, version)| version.starts_with("0.2."));
    SERVED.iter().any(|served| import.starts_with(served)) && (import.starts_with("kiket:") || wasi_0_2(import))
}
