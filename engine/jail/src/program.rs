//! What is to be run, what it may do, and what came of it. Plain values, the same on both sides of the socket.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A program to run. Paths must be UTF-8, arguments need not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Absolute path of the file to execute; it is looked for inside the jail, there is no search path.
    pub path: PathBuf,
    /// Arguments, without the program's own name.
    pub args: Vec<OsString>,
    /// The working folder, inside one of [`Rules::writable`].
    pub dir: PathBuf,
    /// The whole environment; nothing is inherited.
    pub env: Vec<(String, String)>,
    /// What the program reads from its standard input, then end of file. Kept in memory.
    #[serde(skip)]
    pub stdin: Vec<u8>,
}

/// What a program may do. Nothing is granted by default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Folders and files that may be changed, read and executed. They must exist and be free of symbolic links, so that
    /// no earlier program can have turned one elsewhere.
    pub writable: Vec<PathBuf>,
    /// Folders and files that may be read and executed. They must exist; one that is a symbolic link is granted with
    /// what it leads to. For a caller who is root this includes what only root may read. [`system_paths`] is the
    /// usual start.
    pub readable: Vec<PathBuf>,
    /// Whether the program has the caller's network (all of it, loopback included) or none.
    pub network: bool,
    /// CPU time of the whole tree, user and system.
    pub cpu: Duration,
    /// Time from the program's start to its end; then the tree is killed.
    pub wall: Duration,
    /// Bytes: of private memory in one process (its allocation fails), and resident in the whole tree (it is killed).
    pub memory: u64,
    /// Processes and threads at one time; further forks fail. For an unjailed program this counts all processes of the
    /// caller's user, and does not bind root.
    pub processes: u32,
    /// Bytes of one file that is written; the writer gets `SIGXFSZ`.
    pub file_bytes: u64,
    /// Open files of one process.
    pub open_files: u64,
}

/// A piece of what the program wrote. Pieces of one stream are in order; between the two there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Where it was written.
    pub stream: Stream,
    /// What was written: at least one byte, at most 32 KiB.
    pub bytes: Vec<u8>,
}

/// One of the two streams that a program writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What became of a program. Everything that it started is gone by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// How the program ended.
    pub end: End,
    /// What the tree used.
    pub usage: Usage,
    /// From the program's start to its end.
    pub wall: Duration,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// It exited with this code.
    Exited(i32),
    /// This signal ended it.
    Signalled(i32),
    /// It was killed at [`Rules::wall`].
    WallLimit,
    /// It was killed at [`Rules::cpu`].
    CpuLimit,
    /// It was killed because the tree held more than [`Rules::memory`].
    MemoryLimit,
}

/// What a tree of processes used, over all of its members that were waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time in the programs.
    pub user: Duration,
    /// CPU time in the kernel on their behalf.
    pub system: Duration,
    /// The most memory that one process held, in bytes; never less than the few megabytes of the launcher.
    pub max_rss: u64,
}

/// Those paths that programs of a usual distribution need and that exist here: programs, libraries, certificates,
/// names. No home folder, no `/run`, no configuration of services.
#[must_use]
pub fn system_paths() -> Vec<PathBuf> {
    let programs = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"];
    let linking = ["/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"];
    let certificates = ["/etc/ssl", "/etc/pki", "/etc/ca-certificates"];
    let names = ["/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/services", "/etc/protocols"];
    let people = ["/etc/passwd", "/etc/group", "/etc/localtime"];
    let all = [&programs[..], &linking, &certificates, &names, &people].concat();
    all.into_iter().map(PathBuf::from).filter(|path: &PathBuf| Path::exists(path)).collect()
}
