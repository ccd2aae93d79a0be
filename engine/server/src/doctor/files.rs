//! Files and folders: whose they are, and whether they are what their names say.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{Check, first_of};
use crate::artifacts::{self, Digest};

/// Looks at the data folder itself.
pub(super) fn folder(data: &Path) -> Vec<Check> {
    let name = "data folder";
    match fs::metadata(data) {
        Ok(found) if !found.is_dir() => {
            vec![Check::bad(name, format!("{} is no folder", data.display()), "name another one: --data")]
        }
        Ok(_) => vec![private(name, data)],
        Err(error) => {
            let advice = "name the right one (--data), or let `kiket serve` make it";
            vec![Check::bad(name, format!("{}: {error}", data.display()), advice)]
        }
    }
}

/// Says whose something is, and who else may use it.
pub(super) fn private(name: &'static str, path: &Path) -> Check {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) => return Check::bad(name, format!("{}: {error}", path.display()), "run this as the server's user"),
    };
    let (owner, user) = (found.uid(), rustix::process::geteuid().as_raw());
    let mode = found.mode() & 0o777;
    let mut wanted = "600";
    if found.is_dir() {
        wanted = "700";
    }
    let path = path.display();
    if owner != user {
        let found = format!("{path} belongs to user {owner}, and this is user {user}");
        return Check::warn(name, found, "run this, and the server, as the user whose it is");
    }
    if mode & 0o077 != 0 {
        let found = format!("others may use {path} (mode {mode:03o})");
        return Check::warn(name, found, format!("chmod {wanted} {path}"));
    }
    Check::ok(name, format!("{path}, for its owner alone"))
}

/// Reads every artifact that the database names, and holds it against its digest.
pub(super) async fn artifacts(data: &Path, digests: BTreeSet<String>) -> Check {
    let folder = data.join("artifacts");
    let digests = digests.into_iter().filter_map(|digest| digest.parse::<Digest>().ok());
    let files = digests.map(|digest| (artifacts::place_in(&folder, &digest), digest.hex().to_owned()));
    compare("artifacts", files.collect(), "restore the file from a backup, or have its run run again").await
}

/// Reads every component that is kept, and holds it against its digest.
pub(super) async fn plugins(data: &Path) -> Check {
    let entries = fs::read_dir(data.join("plugins")).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".wasm")?.to_owned();
        Some((path, name))
    };
    let files = entries.filter_map(named).collect();
    compare("plugins", files, "remove the file and sync the project whose it is; the server brings its own").await
}

async fn compare(name: &'static str, files: Vec<(PathBuf, String)>, advice: &'static str) -> Check {
    let compared = tokio::task::spawn_blocking(move || {
        let count = files.len();
        let flaw = |(path, hex): (PathBuf, String)| match hash(&path) {
            Ok(found) if found == hex => None,
            Ok(_) => Some(format!("{} is damaged", path.display())),
            Err(error) => Some(format!("{}: {error}", path.display())),
        };
        (count, files.into_iter().filter_map(flaw).collect::<Vec<_>>())
    });
    match compared.await {
        Ok((count, flaws)) if flaws.is_empty() => Check::ok(name, format!("{count}, each as its digest says")),
        Ok((_, flaws)) => Check::bad(name, first_of(&flaws), advice),
        Err(error) => Check::bad(name, error.to_string(), "this is a defect: report it"),
    }
}

fn hash(path: &Path) -> io::Result<String> {
    struct Sink(Sha256);
    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut into = Sink(Sha256::new());
    io::copy(&mut File::open(path)?, &mut into)?;
    Ok(hex::encode(into.0.finalize()))
}
