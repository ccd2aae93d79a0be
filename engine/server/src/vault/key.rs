//! The master key and its file: 64 hexadecimal digits that only the server's user can read.
//!
//! It lies beside the database and never in it: a copy of the database alone opens nothing, and is good for nothing
//! without a copy of the key.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rand::TryRng as _;
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of a key.
const KEY: usize = 32;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// There is no file, and there are secrets that a new key would not open.
    #[error(
        "there is no master key at {}, and the database holds secrets that only it can open: put the file back, or \
         say with --master-key-file where it is", .0.display()
    )]
    Missing(PathBuf),
    /// Others can read the file.
    #[error("others can read the master key {} (mode {mode:03o}): chmod 600 it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not a key.
    #[error("{} is not a master key, which is a file of 64 hexadecimal digits", .0.display())]
    Malformed(PathBuf),
    /// It cannot be read or made.
    #[error("the master key {} cannot be read or made: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The key that everything is encrypted with.
pub(crate) struct MasterKey(Zeroizing<[u8; KEY]>);

impl MasterKey {
    /// Reads the key; makes one where there is no file and `may_create` says so.
    pub(super) fn open(path: &Path, may_create: bool) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        match read(path) {
            Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                if !may_create {
                    return Err(KeyError::Missing(path.to_owned()));
                }
                create(path, &Self::random()).map_err(failed)?;
                tracing::info!(path = %path.display(), "made a master key: secrets are lost without this file");
                // Somebody else may have been faster; what lies there now is the key.
                read(path)
            }
            read => read,
        }
    }

    /// Makes a key from the system's source of randomness.
    pub(super) fn random() -> Self {
        let mut key = Zeroizing::new([0; KEY]);
        rand::rngs::SysRng.try_fill_bytes(&mut *key).expect("the system has a source of randomness");
        Self(key)
    }

    pub(super) fn bytes(&self) -> &[u8; KEY] {
        &self.0
    }
}

fn read(path: &Path) -> Result<MasterKey, KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    let file = OpenOptions::new().read(true).open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    let malformed = || KeyError::Malformed(path.to_owned());
    if !found.is_file() {
        return Err(malformed());
    }
    let mut text = Zeroizing::new(Vec::with_capacity(128));
    file.take(128).read_to_end(&mut text).map_err(failed)?;
    let mut key = Zeroizing::new([0; KEY]);
    hex::decode_to_slice(text.trim_ascii_end(), &mut *key).map_err(|_| malformed())?;
    Ok(MasterKey(key))
}

/// Writes the file whole or not at all, never over another, readable by nobody else from its first moment.
fn create(path: &Path, key: &MasterKey) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o600)).tempfile_in(folder)?;
    let mut text = hex::encode(key.bytes());
    text.push('\n');
    let written = file.write_all(text.as_bytes());
    text.zeroize();
    written?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => return Err(error.error),
        _ => {}
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_key_is_made_once_and_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let made = MasterKey::open(&path, true).unwrap();
        assert_eq!(mode(&path), 0o600);
        for may_create in [true, false] {
            assert_eq!(MasterKey::open(&path, may_create).unwrap().bytes(), made.bytes());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_ne!(MasterKey::random().bytes(), made.bytes());
    }

    #[test]
    fn a_key_that_is_needed_and_missing_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        assert!(matches!(MasterKey::open(&path, false), Err(KeyError::Missing(named)) if named == path));
        assert!(!path.exists());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        MasterKey::open(&path, true).unwrap();
        for exposed in [0o640, 0o604, 0o660, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(exposed)).unwrap();
            let error = MasterKey::open(&path, true).err().unwrap().to_string();
            assert!(error.contains(&format!("(mode {exposed:o}): chmod 600")), "{error}");
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        for text in ["", "0", &"0".repeat(63), &"g".repeat(64), &"0".repeat(66), &"0".repeat(200)] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(MasterKey::open(&path, true), Err(KeyError::Malformed(_))), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(matches!(MasterKey::open(&path, true), Err(KeyError::Malformed(_) | KeyError::File { .. })));
    }
}
