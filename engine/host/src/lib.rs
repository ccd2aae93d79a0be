//! The sandbox: runs plugins as WebAssembly components.
//!
//! This is the only crate that knows wasmtime. It knows nothing of runs, stages
//! or storage: whatever a guest wants from the world goes through [`HostCalls`],
//! and whatever becomes of a call comes back as [`Output`] or [`InvokeError`].
//!
//! ```text
//! bytes ── Host::load ──► compiled and linked, by digest
//!                               │
//! Invocation ── Host::invoke ──►│ fresh store ► instance ► action.run ► Output
//!                               │      │
//!                               │      └ gate (grants, counts) ► HostCalls ► Outbound
//! ```
//!
//! Invariants:
//! - A guest starts with nothing; every host import begins with its check.
//! - Every call ends: with an output, or with one of the codes of [`InvokeError::code`].
//! - A store serves one call and is dropped with it.
//! - No size or count a guest chooses is unbounded.

mod bindings;
mod calls;
mod clock;
mod digest;
mod engine;
mod error;
mod gate;
mod grant;
mod imports;
mod invoke;
mod journal;
mod limiter;
mod load;
mod manifest;
mod outbound;
mod state;
mod target;
mod ticker;
mod trap;

use std::sync::Arc;

use tokio::sync::Semaphore;
use wasmtime::Engine;

use load::Shelf;
use ticker::Ticker;

pub use calls::{HostCallError, HostCalls, HttpError, HttpRequest, HttpResponse, Level, LogLine, Permit, Progress};
pub use digest::{Digest, InvalidDigest};
pub use engine::HostConfig;
pub use error::{FailureKind, HostError, InvokeError, LoadError, Reason};
pub use grant::{Grants, HostPattern, HttpGrant, InvalidHostPattern, Scheme};
pub use invoke::{Invocation, Limits, Output, Usage};
pub use manifest::{MANIFEST_BYTES, MANIFEST_SECTION, ManifestError, manifest_section};
pub use outbound::{Outbound, OutboundError};

/// Loads components and calls them. Cheap to clone; the last clone stops the
/// thread behind it.
#[derive(Clone)]
pub struct Host {
    engine: Engine,
    shelf: Arc<Shelf>,
    slots: Arc<Semaphore>,
    memory: usize,
    _ticker: Arc<Ticker>,
}

impl Host {
    /// Sets up the sandbox. Reserves address space, compiles nothing.
    ///
    /// # Errors
    /// Fails where the address space, the cache folder or a thread is not to be had.
    pub fn new(config: HostConfig) -> Result<Self, HostError> {
        let engine = engine::build(&config)?;
        let shelf =
            Shelf::new(&engine, config.component_bytes).map_err(|error| HostError::Engine(format!("{error:#}")))?;
        let ticker = Ticker::start(&engine)?;
        Ok(Self {
            engine,
            shelf: Arc::new(shelf),
            slots: Arc::new(Semaphore::new(config.instances as usize)),
            memory: config.memory,
            _ticker: Arc::new(ticker),
        })
    }

    /// Makes a component callable: checks it against its digest, compiles it or
    /// takes it from the cache, and links it. Does nothing if it is loaded.
    ///
    /// # Errors
    /// See [`LoadError`]; a component that failed may be loaded again.
    pub async fn load(&self, digest: &Digest, component: &[u8]) -> Result<(), LoadError> {
        self.shelf.load(digest, component).await
    }

    /// Whether [`Host::load`] succeeded for this digest.
    #[must_use]
    pub fn is_loaded(&self, digest: &Digest) -> bool {
        self.shelf.get(digest).is_some()
    }
}
