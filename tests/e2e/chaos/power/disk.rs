//! A disk that forgets: what was written and what was synced, as POSIX promises it and no more.
//!
//! A file keeps what was synced by its own descriptor; a folder keeps its entries when it is synced itself. Whatever was
//! written since may be there, in part, or not at all. After a sync that failed the system shows what was written, and
//! none of it will ever reach the disk, unless it is written again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::RngExt as _;
use rand::rngs::ChaCha8Rng;

use super::trace::Call;

/// A file or a folder, whatever it is called.
type Node = usize;

/// What is done to a file.
#[derive(Debug, Clone)]
pub(super) enum Write {
    At(usize, Arc<[u8]>),
    Cut(usize),
}

/// What is done to a folder.
#[derive(Debug, Clone)]
enum Entry {
    Put(String, Node),
    Take(String),
}

#[derive(Debug, Default, Clone)]
struct Content {
    is_folder: bool,
    /// What the system shows.
    seen: Vec<u8>,
    entries: BTreeMap<String, Node>,
    /// What is on the disk.
    kept: Vec<u8>,
    kept_entries: BTreeMap<String, Node>,
    /// What may be there: with the line in which it ended.
    writes: Vec<(usize, Write)>,
    changes: Vec<(usize, Entry)>,
}

/// The disk.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    root: PathBuf,
    nodes: Vec<Content>,
}

/// What there is after a power cut, by paths below the root.
#[derive(Debug, Default)]
pub(super) struct Survivors {
    pub(super) files: BTreeMap<PathBuf, Vec<u8>>,
    pub(super) folders: BTreeSet<PathBuf>,
}

impl Disk {
    /// A disk on which there is one empty folder.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), nodes: vec![Content { is_folder: true, ..Content::default() }] }
    }

    /// Takes note of a call.
    pub(super) fn apply(&mut self, call: &Call) {
        let failed = call.result < 0;
        match call.name.as_str() {
            "fsync" | "fdatasync" => {
                if let Some(node) = call.path(0).and_then(|path| self.find(&path)) {
                    self.sync(node, call.begun, failed);
                }
            }
            _ if failed => {}
            "openat" | "open" | "creat" => {
                let flags = call.arguments.join("|");
                if let Some(path) = call.opened.clone().filter(|path| path.starts_with(&self.root)) {
                    if self.find(&path).is_none() && flags.contains("O_CREAT") {
                        self.create(&path, false, call.ended);
                    }
                    if flags.contains("O_TRUNC") {
                        self.write(&path, Write::Cut(0), call.ended);
                    }
                }
            }
            "pwrite64" => {
                if let (Some(path), Some(offset)) = (call.path(0), call.number(3)) {
                    self.write(&path, Write::At(offset, self.written(call)), call.ended);
                }
            }
            "write" | "writev" => {
                if let Some(path) = call.path(0) {
                    let end = self.find(&path).map_or(0, |node| self.nodes[node].seen.len());
                    self.write(&path, Write::At(end, self.written(call)), call.ended);
                }
            }
            "ftruncate" => {
                if let (Some(path), Some(length)) = (call.path(0), call.number(1)) {
                    self.write(&path, Write::Cut(length), call.ended);
                }
            }
            "mkdir" => self.create(&call.named(0).unwrap_or_default(), true, call.ended),
            "mkdirat" => self.create(&call.named(1).unwrap_or_default(), true, call.ended),
            "unlink" | "rmdir" => self.take(&call.named(0).unwrap_or_default(), call.ended),
            "unlinkat" => self.take(&call.named(1).unwrap_or_default(), call.ended),
            "rename" => self.rename(call.named(0), call.named(1), true, call.ended),
            "renameat" | "renameat2" => self.rename(call.named(1), call.named(3), true, call.ended),
            "link" => self.rename(call.named(0), call.named(1), false, call.ended),
            "linkat" => self.rename(call.named(1), call.named(3), false, call.ended),
            _ => {}
        }
    }

    fn written(&self, call: &Call) -> Arc<[u8]> {
        let mut bytes = call.bytes(1);
        bytes.truncate(usize::try_from(call.result).unwrap_or_default());
        bytes.into()
    }

    fn find(&self, path: &Path) -> Option<Node> {
        let inside = path.strip_prefix(&self.root).ok()?;
        inside.iter().try_fold(0, |node, name| self.nodes[node].entries.get(name.to_str()?).copied())
    }

    fn change(&mut self, folder: &Path, line: usize, entry: Entry) {
        let Some(folder) = self.find(folder) else { return };
        let folder = &mut self.nodes[folder];
        enter(&mut folder.entries, &entry);
        folder.changes.push((line, entry));
    }

    fn create(&mut self, path: &Path, is_folder: bool, line: usize) {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
            return;
        };
        if path.starts_with(&self.root) {
            self.nodes.push(Content { is_folder, ..Content::default() });
            self.change(folder, line, Entry::Put(name.to_owned(), self.nodes.len() - 1));
        }
    }

    fn take(&mut self, path: &Path, line: usize) {
        if let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) {
            self.change(folder, line, Entry::Take(name.to_owned()));
        }
    }

    fn rename(&mut self, from: Option<PathBuf>, to: Option<PathBuf>, moves: bool, line: usize) {
        let (Some(from), Some(to)) = (from, to) else { return };
        let (Some(node), Some(folder), Some(name)) =
            (self.find(&from), to.parent(), to.file_name().and_then(|name| name.to_str()))
        else {
            return;
        };
        self.change(folder, line, Entry::Put(name.to_owned(), node));
        if moves {
            self.take(&from, line);
        }
    }

    fn write(&mut self, path: &Path, write: Write, line: usize) {
        // What SQLite shares between processes is made anew at every start.
        let Some(node) = self.find(path).filter(|_| !is_shared_memory(path)) else { return };
        put(&mut self.nodes[node].seen, &write);
        self.nodes[node].writes.push((line, write));
    }

    /// What ended before the sync began is on the disk, or never will be.
    fn sync(&mut self, node: Node, begun: usize, failed: bool) {
        let content = &mut self.nodes[node];
        let (before, after) = std::mem::take(&mut content.writes).into_iter().partition(|(line, _)| *line < begun);
        content.writes = after;
        let before: Vec<(usize, Write)> = before;
        for (_, write) in before.iter().filter(|_| !failed) {
            put(&mut content.kept, write);
        }
        let (before, after) = std::mem::take(&mut content.changes).into_iter().partition(|(line, _)| *line < begun);
        content.changes = after;
        let before: Vec<(usize, Entry)> = before;
        for (_, entry) in before.iter().filter(|_| !failed) {
            enter(&mut content.kept_entries, entry);
        }
    }

    /// The files that the system shows, by their paths, and what is in them.
    pub(super) fn shown(&self) -> BTreeMap<PathBuf, &[u8]> {
        let mut shown = BTreeMap::new();
        let mut open = vec![(0, self.root.clone())];
        while let Some((node, path)) = open.pop() {
            let content = &self.nodes[node];
            if content.is_folder {
                open.extend(content.entries.iter().map(|(name, node)| (*node, path.join(name))));
            } else {
                shown.insert(path, content.seen.as_slice());
            }
        }
        shown
    }

    /// Cuts the power: what is left of everything that may have been on its way?
    pub(super) fn cut(&self, random: &mut ChaCha8Rng) -> Survivors {
        let mut survivors = Survivors::default();
        let mut open = vec![(0, PathBuf::new())];
        while let Some((node, path)) = open.pop() {
            let content = &self.nodes[node];
            if content.is_folder {
                let mut entries = content.kept_entries.clone();
                let some = some(&content.changes, random);
                some.into_iter().for_each(|(_, entry)| enter(&mut entries, entry));
                open.extend(entries.into_iter().map(|(name, node)| (node, path.join(name))));
                survivors.folders.insert(path);
                continue;
            }
            let mut bytes = content.kept.clone();
            for (_, write) in some(&content.writes, random) {
                match write {
                    // A write that was under way: a part of it.
                    Write::At(offset, all) if random.random_ratio(1, 10) => {
                        let part = random.random_range(0..=all.len());
                        put(&mut bytes, &Write::At(*offset, all[..part].into()));
                    }
                    whole => put(&mut bytes, whole),
                }
            }
            survivors.files.insert(path, bytes);
        }
        survivors
    }
}

/// None of them, each with even odds, or all.
fn some<'t, T>(all: &'t [T], random: &mut ChaCha8Rng) -> Vec<&'t T> {
    match random.random_range(0..3) {
        0 => Vec::new(),
        1 => all.iter().filter(|_| random.random_ratio(1, 2)).collect(),
        _ => all.iter().collect(),
    }
}

fn enter(entries: &mut BTreeMap<String, Node>, entry: &Entry) {
    match entry {
        Entry::Put(name, node) => _ = entries.insert(name.clone(), *node),
        Entry::Take(name) => _ = entries.remove(name),
    }
}

fn put(bytes: &mut Vec<u8>, write: &Write) {
    match write {
        Write::Cut(length) => bytes.resize(*length, 0),
        Write::At(offset, part) => {
            let end = offset + part.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*offset..end].copy_from_slice(part);
        }
    }
}

pub(super) fn is_shared_memory(path: &Path) -> bool {
    path.to_string_lossy().ends_with("-shm")
}
