//! Whether sources changed since the last build, decided by their content: a fresh clone with old artefacts, or a
//! branch switched there and back, costs nothing.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};

/// Folders that hold built things.
const BUILT: [&str; 2] = ["dist", "target"];

/// A fingerprint of all files in these folders, by path relative to `root` and content.
pub(crate) fn of(root: &Path, folders: &[&str]) -> Outcome<String> {
    let mut files = BTreeSet::new();
    for folder in folders {
        collect(&root.join(folder), &mut files)?;
    }
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.strip_prefix(root).unwrap_or(&file).hash(&mut hasher);
        fs::read(&file).map_err(Failure::at(&file))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn collect(folder: &Path, files: &mut BTreeSet<PathBuf>) -> Outcome<()> {
    for entry in fs::read_dir(folder).map_err(Failure::at(folder))? {
        let entry = entry.map_err(Failure::at(folder))?;
        let kind = entry.file_type().map_err(Failure::at(&entry.path()))?;
        if kind.is_dir() && !BUILT.iter().any(|built| entry.file_name() == *built) {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            files.insert(entry.path());
        }
    }
    Ok(())
}
