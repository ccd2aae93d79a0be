//! The folder of compiled code, and what is known of the entries in it.
//!
//! wasmtime's cache names an entry by what it was compiled from and reads it
//! back without a doubt, and what it reads is executed. So nobody else may write
//! there, and of every component that a child compiled there is a note: which
//! entry is its code, and the digest of that. An entry that is gone or was
//! changed, by a power cut for instance, is compiled again.
//!
//! ```text
//! modules/wasmtime-48…/…   entries, wasmtime's own
//! notes/{settings}/{digest of the component}
//! work-…/                  where a child writes; its entry is moved over when it is whole
//! ```

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{self, Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tempfile::{NamedTempFile, TempDir};

use crate::digest::Digest;
use crate::error::HostError;

const MODULES: &str = "modules";
const NOTES: &str = "notes";
const WORK: &str = "work-";

/// After this time nobody works in a folder any more.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// The folder of compiled code.
#[derive(Debug)]
pub(crate) struct Kept {
    dir: PathBuf,
}

/// What is known of one entry.
#[derive(Serialize, Deserialize)]
struct Note {
    /// Its path below `modules`.
    entry: PathBuf,
    digest: Digest,
}

impl Kept {
    /// Makes the folder, or makes sure that it is ours alone.
    pub(crate) fn open(dir: &Path) -> Result<Self, HostError> {
        let failed = |error: io::Error| HostError::Cache(format!("{}: {error}", dir.display()));
        let dir = path::absolute(dir).map_err(failed)?;
        make(&dir).map_err(failed)?;
        let kept = Self { dir };
        for folder in [&kept.dir, &kept.dir.join(MODULES), &kept.dir.join(NOTES)] {
            own(folder)?;
        }
        kept.sweep();
        Ok(kept)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A new folder for a child.
    pub(crate) fn work(&self) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix(WORK).permissions(Permissions::from_mode(0o700)).tempdir_in(&self.dir)
    }

    /// Whether the code of this component is here as it was compiled.
    pub(crate) fn holds(&self, settings: &str, component: &Digest) -> bool {
        let note = fs::read(self.note(settings, component)).ok();
        let Some(note) = note.and_then(|note| serde_json::from_slice::<Note>(&note).ok()) else { return false };
        digest_of(&self.dir.join(MODULES).join(&note.entry)).is_ok_and(|digest| digest == note.digest)
    }

    /// Takes over what a child left in its folder: the one entry.
    pub(crate) fn adopt(&self, settings: &str, component: &Digest, work: &Path) -> io::Result<()> {
        let (from, entry) = entry_in(&work.join(MODULES))?;
        let digest = digest_of(&from)?;
        let to = self.dir.join(MODULES).join(&entry);
        make(to.parent().unwrap_or(&self.dir))?;
        fs::rename(from, to)?;
        let note = self.note(settings, component);
        let notes = note.parent().unwrap_or(&self.dir);
        make(notes)?;
        let file = NamedTempFile::new_in(notes)?;
        serde_json::to_writer(&file, &Note { entry, digest })?;
        file.persist(note)?;
        Ok(())
    }

    /// Forgets what is known of a component's code.
    pub(crate) fn forget(&self, settings: &str, component: &Digest) {
        let _ = fs::remove_file(self.note(settings, component));
    }

    fn note(&self, settings: &str, component: &Digest) -> PathBuf {
        self.dir.join(NOTES).join(settings).join(hex::encode(component.as_bytes()))
    }

    /// Takes away what hosts left behind that were ended in the middle.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let age = entry.metadata().ok().and_then(|metadata| metadata.modified().ok()?.elapsed().ok());
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(WORK.as_bytes()) && age.is_some_and(|age| age > ABANDONED) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// The only entry below this folder, and its path from there. Beside it wasmtime may keep figures.
fn entry_in(modules: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for compiler in fs::read_dir(modules)? {
        let compiler = compiler?;
        for entry in fs::read_dir(compiler.path())? {
            let entry = entry?;
            if entry.path().extension().is_none() && entry.file_type()?.is_file() {
                found.push((entry.path(), Path::new(&compiler.file_name()).join(entry.file_name())));
            }
        }
    }
    match (found.pop(), found.pop()) {
        (Some(entry), None) => Ok(entry),
        _ => Err(io::Error::other("the compiler left something other than one entry")),
    }
}

/// The digest of a file, which need not be in memory for it.
fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    let mut file = fs::File::open(path)?;
    let mut piece = [0; 16 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(Digest::from(<[u8; 32]>::from(hash.finalize()))),
            read => hash.update(&piece[..read]),
        }
    }
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// What is in the folder gets executed, so it belongs to this user and nobody else writes there.
fn own(folder: &Path) -> Result<(), HostError> {
    let refused = |what: String| HostError::Cache(format!("{} {what}", folder.display()));
    make(folder).map_err(|error| refused(format!("cannot be made: {error}")))?;
    let metadata = fs::metadata(folder).map_err(|error| refused(format!("cannot be looked at: {error}")))?;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        return Err(refused(format!("belongs to user {owner}, and this is user {user}")));
    }
    if metadata.mode() & 0o022 != 0 {
        let mode = metadata.mode() & 0o777;
        return Err(refused(format!("may be written to by others (mode {mode:o}): `chmod go-w` it, or use another")));
    }
    Ok(())
}
