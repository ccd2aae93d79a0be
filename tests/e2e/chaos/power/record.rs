//! One life of a server, written down: every call that touches the data folder, and when which answer went out.

use std::fs;
use std::path::{Path, PathBuf};

use super::disk::{Disk, is_shared_memory};
use super::trace::{Call, read};
use crate::chaos::script::Fact;

/// The calls that change what is on the disk, and those that answer.
pub(super) const CALLS: [&str; 25] = [
    "open",
    "openat",
    "creat",
    "write",
    "writev",
    "pwrite64",
    "ftruncate",
    "fsync",
    "fdatasync",
    "mkdir",
    "mkdirat",
    "unlink",
    "unlinkat",
    "rmdir",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "sendto",
    "sendmsg",
    "pwritev",
    "pwritev2",
    "copy_file_range",
    "fallocate",
];

/// A recorded life.
pub(super) struct Record {
    root: PathBuf,
    pub(super) calls: Vec<Call>,
    /// What was acknowledged, with the number of the call that it stands behind.
    pub(super) facts: Vec<(usize, Fact)>,
}

impl Record {
    /// Reads what was traced of servers that followed each other in the folder below `root`; facts come with the time
    /// at which the client had them.
    pub(super) fn read(root: &Path, traces: &[PathBuf], facts: Vec<(f64, Fact)>) -> Self {
        let text: String = traces.iter().map(|trace| fs::read_to_string(trace).expect("strace has written")).collect();
        let calls = read(&text);
        let answers: Vec<(usize, f64)> = calls
            .iter()
            .enumerate()
            .filter(|(_, call)| matches!(&*call.name, "sendto" | "write" | "writev" | "sendmsg") && is_answer(call))
            .map(|(index, call)| (index, call.at))
            .collect();
        // The answer that a client has is the last one that went out before, or an earlier one.
        let behind = |time: f64| answers.iter().rev().find(|(_, at)| *at <= time).map(|(index, _)| *index);
        let facts = facts.into_iter().filter_map(|(time, fact)| Some((behind(time)?, fact))).collect();
        let mut record = Self { root: root.to_owned(), calls, facts };
        record.add_what_was_mapped();
        record
    }

    /// An empty disk to replay the calls on.
    pub(super) fn disk(&self) -> Disk {
        Disk::new(&self.root)
    }

    /// Git's library writes packs through memory, which no trace shows. They are written once, before they get their
    /// names: what is in them in the end is put before their first sync, or their last name.
    fn add_what_was_mapped(&mut self) {
        let mut disk = self.disk();
        self.calls.iter().for_each(|call| disk.apply(call));
        let mut missing = Vec::new();
        for (path, seen) in disk.shown() {
            let Ok(real) = fs::read(&path) else { continue };
            if is_shared_memory(&path) || seen == real {
                continue;
            }
            assert!(path.extension().is_some_and(|extension| extension == "pack"), "{path:?} is not what was written");
            missing.push((path, real));
        }
        for (path, real) in missing {
            self.insert_content(&path, &real);
        }
    }

    fn insert_content(&mut self, path: &Path, bytes: &[u8]) {
        // Under its first name: that of the descriptor it was opened with.
        let renamed = |call: &&Call| {
            call.name.starts_with("rename") && call.result == 0 && {
                let to = if call.name == "rename" { call.named(1) } else { call.named(3) };
                to.as_deref() == Some(path)
            }
        };
        let last = self.calls.iter().position(|call| renamed(&call));
        let first = match last.map(|index| &self.calls[index]) {
            Some(call) if call.name == "rename" => call.named(0),
            Some(call) => call.named(1),
            None => Some(path.to_owned()),
        };
        let first = first.expect("a file has a name");
        let synced = |call: &Call| call.name.contains("sync") && call.path(0).as_deref() == Some(&first);
        let index = self.calls.iter().position(synced).or(last).unwrap_or(self.calls.len() - 1);
        let (begun, at) = (self.calls[index].begun, self.calls[index].at);
        let call = Call {
            name: "pwrite64".to_owned(),
            arguments: vec![
                format!("0<{}>", first.display()),
                format!("\"{}\"", bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>()),
                bytes.len().to_string(),
                "0".to_owned(),
            ],
            result: i64::try_from(bytes.len()).expect("it is small"),
            opened: None,
            at,
            begun: begun.saturating_sub(1),
            ended: begun.saturating_sub(1),
        };
        self.calls.insert(index, call);
        self.facts.iter_mut().filter(|(behind, _)| *behind >= index).for_each(|(behind, _)| *behind += 1);
    }
}

fn is_answer(call: &Call) -> bool {
    let bytes = call.arguments.get(1).map_or("", String::as_str);
    // HTTP/1.1 2
    bytes.contains("\\x48\\x54\\x54\\x50\\x2f\\x31\\x2e\\x31\\x20\\x32")
}
