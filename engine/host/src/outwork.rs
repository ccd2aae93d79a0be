//! What this host has done outside: strangers' components are checked and
//! compiled by children, and come back as entries of the cache.
//!
//! One child compiles at a time, whoever asks; looking at a component waits for
//! no compilation.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::compiler::{Compiler, Work};
use crate::digest::Digest;
use crate::error::LoadError;
use crate::kept::Kept;
use crate::load::blocking;
use crate::source::Source;

/// How many components are looked at at once.
const CHECKS: usize = 2;

pub(crate) struct Outwork {
    compiler: Compiler,
    kept: Arc<Kept>,
    /// What has to be the same in a child for its code to be this host's.
    settings: String,
    memory: usize,
    compilations: Semaphore,
    checks: Semaphore,
}

impl Outwork {
    pub(crate) fn new(compiler: Compiler, kept: Arc<Kept>, settings: String, memory: usize) -> Self {
        let (compilations, checks) = (Semaphore::new(1), Semaphore::new(CHECKS));
        Self { compiler, kept, settings, memory, compilations, checks }
    }

    pub(crate) async fn check(&self, component: &[u8]) -> Result<(), LoadError> {
        let _turn = self.checks.acquire().await.expect("the semaphore is never closed");
        self.compiler.check(component).await.map(drop)
    }

    /// Sees to it that the component's code is in the cache.
    pub(crate) async fn provide(&self, digest: Digest, source: &Source, allowed: usize) -> Result<(), LoadError> {
        if self.holds(digest).await? {
            return Ok(());
        }
        let _turn = self.compilations.acquire().await.expect("the semaphore is never closed");
        // Whoever was before may have compiled the same.
        if self.holds(digest).await? {
            return Ok(());
        }
        let folder = self.kept.work().map_err(unusable)?;
        let work = Work::Compile { folder: folder.path().to_owned(), memory: self.memory };
        let done = self.compiler.compile(work, digest, source, allowed).await?;
        // Code that this host would not find is code that it would compile again, here and without limits.
        if done.settings.as_ref() != Some(&self.settings) {
            let text = "the compiler works with other settings than this host: is it another version?";
            return Err(LoadError::Compiler(text.to_owned()));
        }
        let (kept, settings) = (Arc::clone(&self.kept), self.settings.clone());
        blocking(move || kept.adopt(&settings, &digest, folder.path()).map_err(unusable)).await
    }

    async fn holds(&self, digest: Digest) -> Result<bool, LoadError> {
        let (kept, settings) = (Arc::clone(&self.kept), self.settings.clone());
        blocking(move || Ok(kept.holds(&settings, &digest))).await
    }

    /// Forgets the code of a component that was not what it should have been.
    pub(crate) fn forget(&self, digest: &Digest) {
        self.kept.forget(&self.settings, digest);
    }
}

fn unusable(error: impl std::fmt::Display) -> LoadError {
    LoadError::Compiler(format!("the cache folder: {error}"))
}
