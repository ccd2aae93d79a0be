//! The host functions a guest can call, one file per interface of `wit/`.
//!
//! Each begins with its question to the gate and ends in a call to
//! [`HostCalls`](crate::HostCalls); between the two it only translates.

mod artifacts;
pub(crate) mod clock;
mod deployments;
mod http;
mod items;
mod kv;
mod log;
mod mail;
mod process;
mod progress;
mod secrets;
pub(crate) mod stdio;
pub(crate) mod wasi_http;
mod workspace;

use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::{Everything, kiket::plugin::types};
use crate::calls::{Denial, Lost};
use crate::clock::Clock;
use crate::error::Stop;
use crate::state::State;

/// What the linker below serves. Only used to say which imports are unknown.
const SERVED: [&str; 8] = [
    "kiket:plugin/",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:http/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

/// The linker every component is linked with, whatever it was granted.
///
/// WASI is there because foreign toolchains import it whether or not a program
/// uses it; it leads into an empty world (see [`State`]), but for `wasi:http`, which is another way to
/// `kiket:plugin/http` (see [`wasi_http`]).
pub(crate) fn link(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasi_http::link(&mut linker)?;
    Everything::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// Whether an import of this name has a chance to be linked.
pub(crate) fn is_served(import: &str) -> bool {
    let of = |minor: &str| import.split_once('@').is_none_or(|(_, version)| version.starts_with(minor));
    SERVED.iter().any(|served| import.starts_with(served))
        && of(if import.starts_with("kiket:") { "0.1." } else { "0.2." })
}

/// Takes what the gate admits; where it refuses, the guest is answered `denied` and the engine is told.
macro_rules! admit {
    ($state:ident, $asked:expr) => {
        match $asked? {
            Ok(granted) => granted,
            Err(denial) => return Ok(Err(Error::Denied($state.deny(denial).await?))),
        }
    };
}
pub(crate) use admit;

/// Asks the engine, without spending the guest's CPU time. What the engine denies, where only it can tell, is told
/// like what the gate refuses.
macro_rules! ask {
    ($state:ident, $function:ident ( $($argument:expr),* $(,)? )) => {
        match $crate::imports::outside(
            ::std::sync::Arc::clone(&$state.clock),
            ::std::sync::Arc::clone(&$state.calls).$function($($argument),*),
        )
        .await?
        {
            Err(Error::Denied(message)) => {
                let denial = $crate::calls::Denial { capability: CAPABILITY, message };
                Err(Error::Denied($state.deny(denial).await?))
            }
            answer => answer,
        }
    };
}
pub(crate) use ask;

/// Waits for an answer of the engine.
pub(crate) async fn outside<T>(
    clock: Arc<Clock>,
    answer: impl Future<Output = Result<T, Lost>>,
) -> wasmtime::Result<T> {
    Ok(clock.outside(answer).await.map_err(Stop::Lost)?)
}

impl State {
    /// Tells the engine of a denial; returns what the guest is told.
    pub(crate) async fn deny(&mut self, denial: Denial) -> wasmtime::Result<String> {
        let message = denial.message.clone();
        outside(Arc::clone(&self.clock), Arc::clone(&self.calls).denied(denial)).await?;
        Ok(message)
    }
}

/// Types only: nothing to call.
impl types::Host for State {}
