//! Where the bytes of a component are, until it is their turn to be read.
//!
//! Whoever waits for a compilation may wait long, and many may wait: they hold a
//! path and not a component. A child that compiles reads the file itself.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use crate::digest::Digest;
use crate::error::LoadError;

#[derive(Clone)]
pub(crate) enum Source {
    Bytes(Arc<[u8]>),
    File(Arc<Path>),
}

impl Source {
    /// The component, if it is the one that the digest names and not longer than `allowed`.
    pub(crate) fn read(&self, digest: &Digest, allowed: usize) -> Result<Cow<'_, [u8]>, LoadError> {
        let component: Cow<'_, [u8]> = match self {
            Source::Bytes(bytes) => Cow::Borrowed(bytes),
            Source::File(path) => Cow::Owned(from_file(path, allowed)?),
        };
        measure(component.len(), allowed)?;
        match Digest::of(&component) {
            actual if actual == *digest => Ok(component),
            actual => Err(LoadError::WrongDigest { expected: *digest, actual }),
        }
    }
}

/// Refuses a component that is too long.
pub(crate) fn measure(actual: usize, allowed: usize) -> Result<(), LoadError> {
    if actual > allowed { Err(LoadError::TooLarge { actual, allowed }) } else { Ok(()) }
}

fn from_file(path: &Path, allowed: usize) -> Result<Vec<u8>, LoadError> {
    let unreadable = |error: std::io::Error| LoadError::Unreadable(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(unreadable)?;
    let length = usize::try_from(file.metadata().map_err(unreadable)?.len()).unwrap_or(usize::MAX);
    measure(length, allowed)?;
    let mut bytes = Vec::with_capacity(length);
    file.take(allowed as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
