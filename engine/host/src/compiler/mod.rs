//! Compiling in a process of its own.
//!
//! What a compiler makes of hostile input is nobody's promise: wasmtime counts
//! neither endless compilation nor a panic in it as a fault, and a type nested
//! deep enough ends the process that reads it. So nothing of this process reads
//! more of a stranger's component than the heads of its sections: a child does,
//! with little memory, time and stack, and leaves the code behind in a folder.
//! That child is this program again, started with arguments that lead it into
//! [`serve_compiler`].
//!
//! ```text
//! host ── order, component ──► child: limits itself, checks, compiles, links
//!      ◄── ready or refused ──┘  └──► code, in a folder made for this order
//! ```
//!
//! The order goes in over stdin, and the component with it where it is in no file.
//! Stdin then stays open: a child whose stdin ends has lost its host and ends as well.

mod child;
mod parent;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::LoadError;

pub use child::serve_compiler;

/// How the child is started, and what it may use.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// The program: one whose `main` calls [`serve_compiler`] when it is given `arguments`.
    pub program: PathBuf,
    /// What leads it there.
    pub arguments: Vec<String>,
    /// How much one component may take.
    pub limits: CompileLimits,
}

/// How much compiling one component may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompileLimits {
    /// Address space of the child, in bytes.
    pub memory: u64,
    /// CPU time of the child, over all its threads; counted in whole seconds.
    pub cpu: Duration,
    /// From start to end.
    pub wall: Duration,
    /// The code that comes out, in bytes: it stays in memory for as long as the host does.
    pub code: usize,
}

impl Default for CompileLimits {
    /// 2 GiB of memory, 2 minutes of CPU, 4 minutes from start to end, 256 MiB of code: several times what a language
    /// runtime such as Python's takes, which is 20 seconds of CPU and 450 MiB on a small machine.
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            memory: 2048 * MIB as u64,
            cpu: Duration::from_secs(120),
            wall: Duration::from_secs(240),
            code: 256 * MIB,
        }
    }
}

impl CompileLimits {
    /// What looking at a component without compiling it may take.
    pub(crate) fn checking(self) -> Self {
        let (cpu, wall) = (Duration::from_secs(10), Duration::from_secs(30));
        Self { cpu: self.cpu.min(cpu), wall: self.wall.min(wall), ..self }
    }
}

/// What a child is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) work: Work,
    pub(crate) component: Place,
    pub(crate) limits: CompileLimits,
}

/// Where a child finds the component.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Place {
    /// So many bytes behind the order.
    Stdin(usize),
    /// In a file, where it has this digest and at most this length.
    File { path: PathBuf, digest: Digest, allowed: usize },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    /// See [`check`](crate::check::check).
    Check,
    /// Compile for calls of up to `memory` bytes, into `folder`.
    Compile { folder: PathBuf, memory: usize },
}

/// What a child answers.
type Answer = Result<Done, LoadError>;

/// Something a child did.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    /// With which settings it compiled; nothing where it had only to check.
    pub(crate) settings: Option<String>,
}
