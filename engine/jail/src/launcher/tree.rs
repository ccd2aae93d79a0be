//! The processes that descend from this one, as `/proc` shows them.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};

/// A process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pid: i32,
    parent: i32,
    /// CPU time of it and of the children that it waited for.
    pub(super) cpu: Duration,
    /// Bytes of memory, shared ones counted in full.
    pub(super) resident: u64,
    /// When it was started: with the id, what tells it from a later one of the same id.
    started: u64,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        Self::parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads a line as `proc_pid_stat(5)` has it. The name, in brackets, may hold anything.
    fn parse(pid: i32, line: &str) -> Option<Self> {
        let (_, behind) = line.rsplit_once(')')?;
        let fields: Vec<&str> = behind.split_whitespace().collect();
        // The manual counts from 1, and the first two fields are left of the bracket.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let ticks = number(14)? + number(15)? + number(16)? + number(17)?;
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            cpu: Duration::from_millis(ticks * 1000 / clock_ticks_per_second().max(1)),
            resident: number(24)? * page_size() as u64,
            started: number(22)?,
        })
    }

    /// Bytes of memory, shared ones counted in parts. Costs the kernel a walk over its pages.
    pub(super) fn proportional(self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid)).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next()?.parse().ok());
        line.map_or(0, |kibibytes: u64| kibibytes * 1024)
    }

    /// Kills it, unless it is gone and its id another's.
    pub(super) fn kill(self) {
        let Some(handle) = Pid::from_raw(self.pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
            return;
        };
        if Self::read(self.pid).is_some_and(|now| now.started == self.started) {
            // What has just ended needs no killing.
            pidfd_send_signal(handle, Signal::KILL).ok();
        }
    }
}

/// All living descendants of this process, and the dead that nobody has waited for.
pub(super) fn descendants() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    below(getpid().as_raw_nonzero().get(), ids.filter_map(Process::read))
}

fn below(root: i32, all: impl Iterator<Item = Process>) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    all.for_each(|process| children.entry(process.parent).or_default().push(process));
    let mut found: Vec<Process> = children.remove(&root).unwrap_or_default();
    let mut next = 0;
    while let Some(process) = found.get(next) {
        found.extend(children.remove(&process.pid).unwrap_or_default());
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32) -> Process {
        Process { pid, parent, cpu: Duration::ZERO, resident: 0, started: 0 }
    }

    #[test]
    fn reads_a_process_whose_name_looks_like_fields() {
        let line = "7 (a) S 1 (b) S 3 7 7 0 -1 4194560 100 0 0 0 20 10 5 5 20 0 1 0 4711 9000000 50 184 1 1 0 0";
        let read = Process::parse(7, line).unwrap();
        assert_eq!((read.parent, read.started), (3, 4711));
        assert_eq!(read.cpu, Duration::from_millis(40 * 1000 / clock_ticks_per_second()));
        assert_eq!(read.resident, 50 * page_size() as u64);
    }

    #[test]
    fn finds_descendants_and_nobody_else() {
        let all = [process(9, 5), process(5, 2), process(2, 1), process(3, 1), process(8, 9)];
        let ids: Vec<i32> = below(2, all.into_iter()).iter().map(|process| process.pid).collect();
        assert_eq!(ids, [5, 9, 8]);
    }
}
