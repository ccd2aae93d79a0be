//! The budgets of a mirror.

use std::time::Duration;

/// What one call on a [`Mirror`](crate::Mirror) may cost.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of one definition file; a larger one is skipped and reported.
    pub file_bytes: u64,
    /// Bytes of all definition files together.
    pub folder_bytes: u64,
    /// Entries below `.kiket/`: files, folders and what was skipped.
    pub entries: usize,
    /// Levels of folders below `.kiket/`, and below the root when commits are compared.
    pub depth: usize,
    /// Paths that a comparison of two commits may return.
    pub changed_paths: usize,
    /// Bytes that one call may receive from the remote repository.
    pub received_bytes: u64,
    /// Time that one call may spend on the remote repository.
    pub wall_time: Duration,
}

impl Default for Limits {
    /// 256 KiB a file, 4 MiB and 2,000 entries a folder, 16 levels, 10,000 changed
    /// paths, 256 MiB and 60 s a fetch.
    fn default() -> Self {
        Self {
            file_bytes: 256 << 10,
            folder_bytes: 4 << 20,
            entries: 2_000,
            depth: 16,
            changed_paths: 10_000,
            received_bytes: 256 << 20,
            wall_time: Duration::from_secs(60),
        }
    }
}
