//! The process jail: starts a program with exactly the files, network, time and memory it was granted, streams what
//! it writes, and ends it whole. It knows nothing of plugins, stores or runs.
//!
//! # How it is built
//!
//! Nothing of weight may happen between `fork` and `exec` in a process with threads, so a launcher does it: the
//! caller's own binary, started again with a hidden first argument ([`become_launcher_if_asked`] is the first line of
//! its `main`). The launcher has one thread and talks to the caller over one socket, its standard input.
//!
//! ```text
//! caller ── launcher ─────────── init ──────────────────── program ── its children …
//!           user namespace       process 1 of a process     no capability, own uid where the
//!           (the caller maps     namespace: file tree,      caller is root, rlimits, Landlock,
//!           the ids)             limits, reaping, report    no_new_privs, clean environment
//! ```
//!
//! - **Ending whole** rests on the process namespace, not on bookkeeping: when its process 1 is gone, the kernel kills
//!   everything inside, whatever forked twice or made its own session, and the launcher's exit waits for that. Init dies
//!   with the launcher (parent-death signal), the launcher with the future that runs it, and init sees the caller's end
//!   of the socket close when the caller itself dies. Nothing inside can signal init.
//! - **Files**: the program sees a file tree of its own that holds the granted paths and nothing else, read-only but for
//!   the writable ones, five harmless devices and a `/proc` of its own. Names outside do not exist for it, which also
//!   keeps it from sockets and from what Landlock cannot filter (`chmod`, `chown`, `stat`). Landlock then holds the same
//!   grants a second time, and keeps signals and abstract sockets inside where the kernel can (Linux 6.12).
//! - **Network**: without it, a network namespace with nothing in it, not even a loopback that is up, and no TCP
//!   by Landlock's rules. With it, the caller's own network, its loopback included.
//! - **Identity**: the user namespace holds the caller's own ids. A caller who is root maps `nobody` as well, and
//!   the program runs as that; to use files of root that it was granted, it keeps `CAP_DAC_OVERRIDE` and `CAP_FOWNER`
//!   over these ids, and no other capability. It is thus never root for the kernel, whose process limit would not bind
//!   root. Further user namespaces cannot be made inside.
//! - **Limits**: per process by the kernel (rlimits), for the tree by init, which looks every 100 ms.
//!
//! All of it works without root. What is missing is named by [`Jail::available`] and refused by [`Jail::run`]; nothing is
//! left out in silence. [`Jail::unjailed`] is the explicit way to do without: limits, clean environment and the tree's end
//! stay (by a child subreaper, so only as long as the program does not kill its launcher), everything else goes.
//!
//! # What it is not
//!
//! There is no seccomp filter: the kernel's whole surface is in reach, but for what needs capabilities. CPU time of children
//! that are never waited for (`SIGCHLD` ignored) escapes the sum over the tree and is bounded by wall time. Memory that
//! nobody has mapped (files without a name, System V segments) is not counted, and neither is disk space in sum. A
//! caller without root keeps its supplementary groups, which the kernel does not let it drop. Unix sockets inside
//! readable folders can be connected to. What a program leaves in a writable folder is its own: the caller follows no
//! links there, and keeps the folder where no other user of the machine can enter, since a program may mark
//! files of the caller's as set-user-id (which means nothing inside).

mod error;
mod ids;
mod jail;
mod launcher;
mod link;
mod program;
mod wire;

pub use error::{JailError, Missing, Unavailable};
pub use jail::Jail;
pub use launcher::become_launcher_if_asked;
pub use program::{Chunk, End, Finished, Program, Rules, Stream, Usage, system_paths};
