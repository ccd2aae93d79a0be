//! The bytes on the disk: each digest one file, whole or not there.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::incoming::Ready;
use super::{Digest, INCOMING};
use crate::folders::{make, settle};

/// Where the bytes of a digest lie.
pub(super) fn place(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join(&digest.hex()[..2]).join(digest.hex())
}

/// Puts bytes into their place. What is there already is the same, and replaced all the same: this one is known to be whole.
pub(super) fn put(ready: Ready, place: &Path) -> io::Result<()> {
    let folder = place.parent().unwrap_or(place);
    make(folder)?;
    ready.file.persist(place).map_err(|error| error.error)?;
    settle(folder)
}

/// Removes bytes; nothing where there are none.
pub(super) fn remove(place: &Path) -> io::Result<()> {
    match fs::remove_file(place) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads `length` bytes from `offset` on.
pub(super) fn read(mut file: File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.seek(SeekFrom::Start(offset))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes the folder, and removes what never became whole and what is not among `known`.
pub(super) fn sweep(folder: &Path, known: &BTreeSet<String>) -> io::Result<()> {
    make(folder)?;
    settle(folder)?;
    for shelf in fs::read_dir(folder)? {
        let shelf = shelf?;
        if !shelf.file_type()?.is_dir() {
            continue;
        }
        for entry in fs::read_dir(shelf.path())? {
            let entry = entry?;
            let digest = format!("sha256:{}", entry.file_name().display());
            if shelf.file_name() == INCOMING || !known.contains(&digest) {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}
