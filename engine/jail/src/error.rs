//! Why a program did not run. How a program that ran ended is no error: see [`crate::End`].

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Why a program did not run, or why nothing is known of it.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// This machine does not offer what the jail is made of.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The program or its rules contradict what they have to be: a path that is not there, a working folder outside.
    #[error("{0}")]
    Invalid(String),
    /// The program could not be executed: not there, not granted, not a program.
    #[error("{path} could not be started")]
    NotStarted {
        /// The program.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The launcher could not be started.
    #[error("the launcher {path} could not be started")]
    Launcher {
        /// The launcher.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The launcher failed at its own work, or was killed. The program is gone, and how it ended is not known.
    #[error("the launcher failed: {0}")]
    Lost(String),
}

/// What the jail lacks here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("the jail cannot be had: {missing} ({reason})")]
pub struct Unavailable {
    /// The missing part.
    pub missing: Missing,
    /// What the kernel said.
    pub reason: String,
}

/// A part of the jail that a machine may not offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Missing {
    /// A user namespace.
    #[error(
        "no user namespace; see the sysctls user.max_user_namespaces, kernel.unprivileged_userns_clone and \
         kernel.apparmor_restrict_unprivileged_userns, or the container's seccomp profile"
    )]
    UserNamespace,
    /// Ids in the user namespace.
    #[error("ids cannot be mapped into the user namespace")]
    Ids,
    /// Namespaces of processes, mounts, IPC and, where the program has no network, of networks.
    #[error("no namespaces of processes, mounts, IPC and networks")]
    Namespaces,
    /// A file tree of its own.
    #[error("no file tree of its own; AppArmor or SELinux may forbid mounts in user namespaces")]
    FileTree,
    /// A `/proc` of its own.
    #[error("no /proc of its own; a container that masks parts of /proc forbids it")]
    Proc,
    /// Landlock.
    #[error("no Landlock of Linux 5.19 or newer; see the kernel's lsm= parameter")]
    Landlock,
    /// The end of privileges.
    #[error("capabilities and ids cannot be given up")]
    Privileges,
}
