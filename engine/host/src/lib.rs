//! The sandbox: runs plugins as WebAssembly components.
//!
//! This is the only crate that knows wasmtime. It knows nothing of runs, stages
//! or storage: whatever a guest wants from the world goes through [`HostCalls`],
//! and whatever becomes of a call comes back as [`Output`] or [`InvokeError`].
//!
//! ```text
//! bytes ── Host::load ──► compiled and linked, by digest
//!                               │
//! Terms ── Host::invoke, decide … ►│ fresh store ► instance ► action.run ► Output
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
mod check;
mod clock;
mod compiler;
mod describe;
mod digest;
mod engine;
mod error;
mod fill;
mod gate;
mod grant;
mod imports;
mod interfaces;
mod invoke;
mod journal;
mod kept;
mod limiter;
mod load;
mod manifest;
mod outbound;
mod outwork;
mod placeholder;
mod source;
mod state;
mod target;
mod ticker;
mod trap;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;
use wasmtime::Engine;

use kept::Kept;
use load::Shelf;
use outwork::Outwork;
use source::Source;
use ticker::Ticker;

pub use calls::{
    Answer, ArtifactCalls, ClockCalls, Denial, DeploymentCalls, HostCalls, HttpCalls, HttpPermit, ItemCalls,
    ItemRequest, KvCalls, Level, LogLine, Lost, MailCalls, MailPermit, ProcessCalls, Progress, ReportCalls,
    SecretCalls, WorkspaceAnswer, WorkspaceCalls, WorkspaceRequest,
};
pub use compiler::{CompileLimits, Compiler, serve_compiler};
pub use digest::{Digest, InvalidDigest};
pub use engine::HostConfig;
pub use error::{FailureKind, HostError, InvokeError, LoadError, Reason};
pub use fill::{filled, mail_secrets_of, secrets_of};
pub use grant::{
    AddressPattern, AppGrant, ArtifactsGrant, Capability, Grants, HostPattern, HttpGrant, InvalidAddressPattern,
    InvalidHostPattern, ItemScope, KvGrant, MailGrant, MailSecurity, ProcessGrant, Scheme, SecretGrant, SecretUse,
    WorkspaceGrant,
};
pub use interfaces::Interfaces;
pub use invoke::{Limits, Output, Terms, Usage};
pub use load::Exports;
pub use manifest::{MANIFEST_BYTES, MANIFEST_SECTION, ManifestError, embed_manifest, manifest_section};
pub use outbound::{MailFailed, Outbound, OutboundError, SendError};
pub use placeholder::Placeholders;

/// The values that cross the border between guests and the engine: those of `wit/`, by interface.
pub mod wit {
    pub use crate::bindings::exports::kiket::plugin::{action, guard, recovery, trigger};
    pub use crate::bindings::kiket::plugin::{
        artifacts, deployments, http, items, kv, mail, process, secrets, types, workspace,
    };
}

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
    /// Fails where the address space or a thread is not to be had, and where the cache
    /// folder is not this user's alone.
    pub fn new(config: HostConfig) -> Result<Self, HostError> {
        let kept = config.cache_dir.as_deref().map(Kept::open).transpose()?.map(Arc::new);
        let cache = kept.as_ref().map(|kept| engine::cache(kept.dir())).transpose()?;
        let engine = engine::pooling(&config, cache.clone())?;
        let outwork = match (config.compiler, kept) {
            (None, _) => None,
            (Some(compiler), Some(kept)) => {
                Some(Outwork::new(compiler, kept, engine::settings(&engine), config.memory))
            }
            (Some(_), None) => return Err(HostError::Cache("a compiler of its own needs one".to_owned())),
        };
        let shelf = Shelf::new(&engine, config.component_bytes, cache, outwork)
            .map_err(|error| HostError::Engine(format!("{error:#}")))?;
        let ticker = Ticker::start(&engine)?;
        Ok(Self {
            engine,
            shelf: Arc::new(shelf),
            slots: Arc::new(Semaphore::new(config.instances as usize)),
            memory: config.memory,
            _ticker: Arc::new(ticker),
        })
    }

    /// Says whether a component can be a plugin of this host, as far as that shows
    /// without compiling it: that it is valid, and asks for nothing that is not offered.
    /// Where the host has a [`Compiler`], that one reads it.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn examine(&self, component: &[u8]) -> Result<(), LoadError> {
        self.shelf.check(component).await
    }

    /// Makes a component callable: checks it against its digest, compiles it or
    /// takes it from the cache, and links it. Does nothing if it is loaded. It is
    /// compiled by the host's [`Compiler`], where there is one. Dropping the future
    /// ends the compilation, unless others wait for it.
    ///
    /// # Errors
    /// See [`LoadError`]; a component that failed may be loaded again.
    pub async fn load(&self, digest: &Digest, component: &[u8]) -> Result<(), LoadError> {
        self.shelf.load(digest, Source::Bytes(component.into()), false).await
    }

    /// The same for a component in a file, which is read when it is its turn to be
    /// compiled.
    ///
    /// # Errors
    /// See [`LoadError`]; a component that failed may be loaded again.
    pub async fn load_file(&self, digest: &Digest, component: &Path) -> Result<(), LoadError> {
        self.shelf.load(digest, Source::File(component.into()), false).await
    }

    /// The same for a component that is as good as part of this program: it is
    /// compiled in this process, without limits.
    ///
    /// # Errors
    /// See [`LoadError`]; a component that failed may be loaded again.
    pub async fn load_trusted(&self, digest: &Digest, component: &Path) -> Result<(), LoadError> {
        self.shelf.load(digest, Source::File(component.into()), true).await
    }

    /// Sees to it that a component's code is in the cache, so that loading it takes no compilation. It takes no memory
    /// of this process. Without a [`Compiler`] it does nothing.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn provide(&self, digest: &Digest, component: &Path) -> Result<(), LoadError> {
        self.shelf.provide(digest, component).await
    }

    /// Which interfaces a loaded component exports.
    #[must_use]
    pub fn exports(&self, digest: &Digest) -> Option<Exports> {
        self.shelf.get(digest).map(|plugin| plugin.exports())
    }

    /// Whether [`Host::load`] succeeded for this digest.
    #[must_use]
    pub fn is_loaded(&self, digest: &Digest) -> bool {
        self.shelf.get(digest).is_some()
    }
}
