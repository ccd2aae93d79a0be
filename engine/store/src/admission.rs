//! Looking at a database before it is opened: whether it may be written, is a database, and of a schema that is known.
//! What is refused here has not been touched, and nothing was made beside it.
//!
//! It is no lock and no check of the whole file: what changes afterwards is found by whoever opens.

use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Access, access};

use crate::{StoreError, sqlite};

/// Refuses what cannot be opened. A file that is not there will be made.
pub(crate) async fn look(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.exists() {
        return Err(closed(path, std::io::ErrorKind::NotFound.into()));
    }
    may(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)?;
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(closed(path, error)),
        Ok(found) if found.len() == 0 => return Ok(()),
        Ok(_) => {}
    }
    may(path, Access::READ_OK | Access::WRITE_OK)?;
    let (found, known) = (sqlite::peek(path).await?, sqlite::newest_schema());
    if found > known { Err(StoreError::NewerSchema { found, known }) } else { Ok(()) }
}

fn may(path: &Path, what: Access) -> Result<(), StoreError> {
    access(path, what).map_err(|error| closed(path, error.into()))
}

fn closed(path: &Path, error: std::io::Error) -> StoreError {
    StoreError::Open { path: path.to_owned(), source: Arc::new(error) }
}
