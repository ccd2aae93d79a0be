//! The archive: written under a name of its own, synced, read back, and only then given its name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use tar::{Archive, Builder, Header};
use tempfile::NamedTempFile;

use super::{BackupError, DATABASE};
use crate::artifacts::{self, Digest};

/// What a backup holds.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Summary {
    /// Size of the archive.
    pub(crate) bytes: u64,
    /// How many components it has.
    pub(crate) plugins: usize,
    /// How many artifacts it has.
    pub(crate) artifacts: usize,
    /// Whether the master key is in it.
    pub(crate) master_key: bool,
    /// Artifacts that the database names and that were not there: removed meanwhile, or lost.
    pub(crate) missing: Vec<String>,
    /// Files that are not what their names say. They are in the archive as they are.
    pub(crate) damaged: Vec<String>,
}

type Hash = [u8; 32];

/// An archive on its way, and the hash of each file in it.
struct Archived {
    builder: Builder<BufWriter<NamedTempFile>>,
    hashes: BTreeMap<String, Hash>,
}

/// A reader that knows what went through it.
struct Hashing<R> {
    from: R,
    hash: Sha256,
}

/// Packs the copied database in `work` and what goes with it, and gives the archive its name.
pub(super) fn pack(
    data: &Path,
    key: Option<&Path>,
    digests: &BTreeSet<String>,
    work: &Path,
    file: &Path,
) -> Result<Summary, BackupError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::File { path, source }
    };
    let part = NamedTempFile::new_in(work).map_err(at(work))?;
    let mut archive = Archived { builder: Builder::new(BufWriter::new(part)), hashes: BTreeMap::new() };
    let mut summary = Summary::default();
    archive.add(DATABASE, &work.join(DATABASE)).map_err(at(file))?;

    for path in components(&data.join("plugins")).map_err(at(data))? {
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        let hash = archive.add(&format!("plugins/{name}.wasm"), &path).map_err(at(&path))?;
        summary.plugins += 1;
        if hex::encode(hash) != name {
            summary.damaged.push(path.display().to_string());
        }
    }
    let folder = data.join("artifacts");
    for digest in digests.iter().filter_map(|digest| digest.parse::<Digest>().ok()) {
        let path = artifacts::place_in(&folder, &digest);
        let name = format!("artifacts/{}/{}", &digest.hex()[..2], digest.hex());
        match archive.add(&name, &path) {
            Ok(hash) => {
                summary.artifacts += 1;
                if hex::encode(hash) != digest.hex() {
                    summary.damaged.push(path.display().to_string());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => summary.missing.push(digest.to_string()),
            Err(error) => return Err(at(&path)(error)),
        }
    }
    if let Some(key) = key {
        archive.add("master.key", key).map_err(at(key))?;
        summary.master_key = true;
    }

    let Archived { builder, hashes } = archive;
    let written = builder.into_inner().and_then(|out| out.into_inner().map_err(io::IntoInnerError::into_error));
    let part = written.map_err(at(file))?;
    part.as_file().sync_all().map_err(at(file))?;
    read_back(part.path(), hashes).map_err(|error| match error {
        ReadBack::Unlike(name) => BackupError::Unlike(name),
        ReadBack::Failed(error) => at(file)(error),
    })?;
    summary.bytes = part.as_file().metadata().map_err(at(file))?.len();
    part.persist_noclobber(file).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(file.to_owned()),
        _ => at(file)(error.error),
    })?;
    let beside = file.parent().unwrap_or(Path::new("/"));
    File::open(beside).and_then(|folder| folder.sync_all()).map_err(at(beside))?;
    Ok(summary)
}

/// The files of components in a folder; none where there is none.
fn components(folder: &Path) -> io::Result<BTreeSet<std::path::PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let component = |path: &io::Result<std::path::PathBuf>| {
        path.as_ref().map_or(true, |path| path.extension().is_some_and(|extension| extension == "wasm"))
    };
    paths.filter(component).collect()
}

impl Archived {
    /// Adds a file that only its owner will read; returns the hash of what was written.
    fn add(&mut self, name: &str, path: &Path) -> io::Result<Hash> {
        let from = File::open(path)?;
        let about = from.metadata()?;
        let mut header = Header::new_gnu();
        header.set_size(about.len());
        header.set_mode(0o600);
        header.set_mtime(mtime(&about));
        let mut from = Hashing { from: from.take(about.len()), hash: Sha256::new() };
        self.builder.append_data(&mut header, name, &mut from)?;
        let hash: Hash = from.hash.finalize().into();
        self.hashes.insert(name.to_owned(), hash);
        Ok(hash)
    }
}

fn mtime(about: &fs::Metadata) -> u64 {
    let since = about.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_secs())
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.hash.update(&into[..read]);
        Ok(read)
    }
}

enum ReadBack {
    Unlike(String),
    Failed(io::Error),
}

impl From<io::Error> for ReadBack {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Reads an archive and compares every file with what was written.
fn read_back(path: &Path, mut hashes: BTreeMap<String, Hash>) -> Result<(), ReadBack> {
    let mut archive = Archive::new(BufReader::new(File::open(path)?));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.display().to_string();
        let mut hash = Hasher(Sha256::new());
        io::copy(&mut entry, &mut hash)?;
        if hashes.remove(&name) != Some(hash.0.finalize().into()) {
            return Err(ReadBack::Unlike(name));
        }
    }
    hashes.into_keys().next().map_or(Ok(()), |name| Err(ReadBack::Unlike(name)))
}

/// A place to copy to of which only the hash stays.
struct Hasher(Sha256);

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
