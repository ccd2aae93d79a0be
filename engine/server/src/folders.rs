//! Folders of the server's own: for its user alone, and there after a power cut.
//!
//! What is in a folder is only as durable as the folder's own entry in the one above it, which no sync of the content
//! brings along.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Makes a folder and those above it, where they are missing, and waits until they are on the disk.
///
/// # Errors
/// What the system says.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make(above)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        // Somebody else may have been faster.
        Err(error) if error.kind() != ErrorKind::AlreadyExists || !folder.is_dir() => Err(error),
        _ => settle(above),
    }
}

/// Waits until what was put into a folder, renamed in it or taken from it is so on the disk.
///
/// # Errors
/// What the system says.
pub(crate) fn settle(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn folders_are_for_their_owner_only_and_those_above_are_made() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b/c");
        make(&folder).unwrap();
        make(&folder).unwrap();
        assert_eq!(std::fs::metadata(root.path().join("a")).unwrap().permissions().mode() & 0o777, 0o700);
        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(make(&file).is_err());
        assert!(make(&file.join("below")).is_err());
    }
}
