//! Bytes on their way in: written, counted and hashed as they come, and gone when nobody keeps them.

use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::Digest;
use crate::folders;

/// Bytes that are being taken in.
pub(crate) struct Incoming {
    file: NamedTempFile,
    hash: Sha256,
    size: u64,
    limit: u64,
    over: bool,
}

/// Bytes that are whole and on the disk.
pub(super) struct Ready {
    pub(super) file: NamedTempFile,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

impl Incoming {
    pub(super) fn new(folder: &Path, limit: u64) -> io::Result<Self> {
        folders::make(folder)?;
        let file = NamedTempFile::new_in(folder)?;
        Ok(Self { file, hash: Sha256::new(), size: 0, limit, over: false })
    }

    /// Whether there was more than the limit.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Waits until the bytes are on the disk.
    pub(super) fn finish(self) -> io::Result<Ready> {
        self.file.as_file().sync_all()?;
        Ok(Ready { digest: Digest::new(&self.hash.finalize()), file: self.file, size: self.size })
    }
}

impl Write for Incoming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.size.saturating_add(bytes.len() as u64) > self.limit {
            self.over = true;
            return Err(io::Error::other(format!("there are more than {} bytes", self.limit)));
        }
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
