//! What a figure was measured on.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::{Duration, Instant};

/// Says which machine and disk this is, in one line.
pub(crate) fn describe() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{cores} cores, {}; fdatasync p50 {:?}; SQLite WAL, synchronous=FULL; a fresh instance for every stage",
        model.trim_start_matches([' ', '\t', ':']),
        fdatasync()
    )
}

/// Median of 200 syncs of one written page.
fn fdatasync() -> Duration {
    let mut file: File = tempfile::tempfile().expect("a temporary file");
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&[7; 4096])).expect("it can be written");
            let start = Instant::now();
            file.sync_data().expect("it can be synced");
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

/// The value that `percent` of the sorted times do not exceed.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}
