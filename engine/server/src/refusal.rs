//! Why a server does not start, in one line for whoever started it: what, where, why, and what to do.

use std::io::ErrorKind;
use std::path::Path;

use kiket_store::StoreError;

use crate::backup::DATABASE;

/// Below this nothing can be begun, and what failed did so for want of it.
const NO_ROOM: u64 = 1024 * 1024;

/// Says what to do about what went wrong, where that is known.
pub(crate) fn explain(data: &Path, error: anyhow::Error) -> anyhow::Error {
    let database = data.join(DATABASE);
    let database = database.display();
    if is_full(data, &error) {
        let free = free(data).unwrap_or_default() / 1024;
        return anyhow::anyhow!(
            "the disk below {} is full ({free} KiB free): make room and start again; nothing is lost",
            data.display()
        );
    }
    match error.downcast_ref::<StoreError>() {
        Some(StoreError::Locked { .. }) => anyhow::anyhow!(
            "database `{database}` is in use by another process: stop the other server, or name another folder with --data"
        ),
        Some(StoreError::NewerSchema { found, known }) => anyhow::anyhow!(
            "database `{database}` has schema {found}, this version knows schemas up to {known}: \
             start the version that wrote it, or a newer one"
        ),
        Some(StoreError::Open { path, source }) if source.kind() != ErrorKind::NotFound => anyhow::anyhow!(
            "`{}` cannot be read and written ({source}): start this as the user whose it is, or give it to this one",
            path.display()
        ),
        Some(StoreError::Disk(fault)) => anyhow::anyhow!(
            "database `{database}` is damaged or cannot be reached ({fault}): keep a copy of {}, \
             ask `kiket doctor`, and restore the newest backup",
            data.display()
        ),
        _ => error,
    }
}

fn is_full(data: &Path, error: &anyhow::Error) -> bool {
    let said = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref::<StoreError>(), Some(StoreError::Full(_)))
            || cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::StorageFull)
    };
    let failed = matches!(error.downcast_ref::<StoreError>(), Some(StoreError::Disk(_) | StoreError::Failed(_)));
    error.chain().any(said) || failed && free(data).is_some_and(|free| free < NO_ROOM)
}

/// How many bytes are free where the folder is, or will be.
fn free(data: &Path) -> Option<u64> {
    let data = std::path::absolute(data).ok()?;
    let there = data.ancestors().find(|folder| folder.exists())?;
    let found = rustix::fs::statvfs(there).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Refuses to begin where there is no room to begin in: nothing is made then.
///
/// # Errors
/// That there is none.
pub(crate) fn has_room(data: &Path) -> std::io::Result<()> {
    match free(data) {
        Some(free) if free < NO_ROOM => Err(ErrorKind::StorageFull.into()),
        _ => Ok(()),
    }
}
