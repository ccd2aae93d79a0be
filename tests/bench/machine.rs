//! What a figure was measured on, and how figures are told.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::{Duration, Instant};

/// How often everything is repeated, unless a benchmark says otherwise.
pub(crate) const REPEATS: usize = 5;

/// Says which machine and disk this is, in one line.
pub(crate) fn describe() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let cores = cores();
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024 / 1024;
    format!(
        "{cores} cores, {}, {memory} GiB; fdatasync p50 {:?}; SQLite WAL, synchronous=FULL; a fresh instance for every \
         stage; medians over {REPEATS} repeats or more, least and most in brackets",
        model.trim_start_matches([' ', '\t', ':']),
        fdatasync()
    )
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
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

/// Figures of several repeats: their median, least and most.
pub(crate) fn spread<T: PartialOrd + Copy>(figures: &[T], tell: impl Fn(T) -> String) -> String {
    let mut sorted = figures.to_vec();
    sorted.sort_by(|one, other| one.partial_cmp(other).expect("figures are numbers"));
    format!("{} ({}..{})", tell(sorted[sorted.len() / 2]), tell(sorted[0]), tell(sorted[sorted.len() - 1]))
}

/// The same for times.
pub(crate) fn times(figures: &[Duration]) -> String {
    spread(figures, |time| format!("{time:.2?}"))
}

/// p50 and p99 of each of several repeats.
pub(crate) fn latencies(repeats: &[Vec<Duration>]) -> String {
    let of = |percent: usize| {
        let each = repeats.iter().map(|repeat| {
            let mut sorted = repeat.clone();
            sorted.sort();
            percentile(&sorted, percent)
        });
        times(&each.collect::<Vec<_>>())
    };
    format!("p50 {}, p99 {}", of(50), of(99))
}

/// A number that a caller may set in the environment.
pub(crate) fn parameter(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}
