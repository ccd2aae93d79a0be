//! Everything that can go wrong, by the crate's three verbs: set up, load, invoke.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::calls::Lost;
use crate::digest::Digest;
use crate::invoke::Usage;

/// The host cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The compiled-code cache cannot be used.
    #[error("cannot use the cache folder for compiled plugins: {0}")]
    Cache(String),
    /// The engine refuses its configuration, or its memory pool cannot be reserved.
    #[error("cannot start the sandbox: {0}")]
    Engine(String),
    /// The thread that interrupts guests cannot be started.
    #[error("cannot start the thread that interrupts plugins: {0}")]
    Thread(#[from] std::io::Error),
}

/// A component cannot be used as a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not those the digest names.
    #[error("the component is {actual}, not {expected}")]
    WrongDigest {
        /// What was asked for.
        expected: Digest,
        /// What the bytes are.
        actual: Digest,
    },
    /// The file that holds it cannot be read.
    #[error("the component cannot be read: {0}")]
    Unreadable(String),
    /// Larger than [`HostConfig::component_bytes`](crate::HostConfig::component_bytes).
    #[error("the component has {actual} bytes, {allowed} are allowed")]
    TooLarge {
        /// Its size in bytes.
        actual: usize,
        /// Largest size in bytes.
        allowed: usize,
    },
    /// Not a component, damaged, or one that needs what the sandbox does not offer.
    #[error("invalid component: {0}")]
    Invalid(String),
    /// It imports interfaces that the host does not have.
    #[error("the component imports what this host does not offer: {}", .0.join(", "))]
    UnknownImports(Vec<String>),
    /// It imports or exports an interface of the plugin world with other types.
    #[error("the component does not fit the world `kiket:plugin/plugin`: {0}")]
    Mismatch(String),
    /// Compiling it takes more time or memory than a stranger's component gets.
    #[error("compiling the component takes too much: {0}")]
    CompileLimit(String),
    /// The compiler cannot be started, panicked, or the process is shutting down.
    #[error("the component could not be compiled: {0}")]
    Compiler(String),
}

impl LoadError {
    /// The stable name of what happened: `compile_limit`, or `plugin` for everything else.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            LoadError::CompileLimit(_) => "compile_limit",
            _ => "plugin",
        }
    }
}

/// A call that did not end in an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum InvokeError {
    /// No component of this digest is loaded.
    #[error("plugin {0} is not loaded")]
    NotLoaded(Digest),
    /// The guest ended by itself and said why.
    #[error("{message}")]
    Failure {
        /// What the guest makes of it; decides whether the stage is tried again.
        kind: FailureKind,
        /// The guest's words, at most as long as a log line.
        message: String,
        /// How long the guest asks to wait before the next attempt.
        retry_after: Option<Duration>,
        /// What the call used.
        usage: Usage,
    },
    /// The sandbox ended the call, or could not use its result.
    #[error("{message}")]
    Stopped {
        /// Why.
        reason: Reason,
        /// The same for people, with what the guest said last.
        message: String,
        /// What the call used.
        usage: Usage,
    },
}

impl InvokeError {
    /// The stable name of what happened: a [`FailureKind`]'s, a [`Reason`]'s or `not_loaded`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            InvokeError::NotLoaded(_) => "not_loaded",
            InvokeError::Failure { kind, .. } => kind.code(),
            InvokeError::Stopped { reason, .. } => reason.code(),
        }
    }

    /// What the call used before it ended.
    #[must_use]
    pub fn usage(&self) -> Usage {
        match self {
            InvokeError::NotLoaded(_) => Usage::default(),
            InvokeError::Failure { usage, .. } | InvokeError::Stopped { usage, .. } => *usage,
        }
    }
}

/// What a guest makes of its own failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The input is not what the action takes.
    InvalidInput,
    /// Trying again may help.
    Transient,
    /// Trying again will not help.
    Permanent,
    /// The action needs something that was not granted.
    Denied,
}

impl FailureKind {
    /// The stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            FailureKind::InvalidInput => "invalid_input",
            FailureKind::Transient => "transient",
            FailureKind::Permanent => "permanent",
            FailureKind::Denied => "denied",
        }
    }
}

/// Why the sandbox ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The CPU time is used up.
    TimeoutCpu,
    /// The wall time is over.
    TimeoutWall,
    /// The guest was refused memory and did not survive it.
    MemoryLimit,
    /// The guest's stack is used up.
    StackOverflow,
    /// Too many host calls, HTTP requests or log lines.
    HostCallLimit,
    /// The output, the log or one host call's arguments are too large.
    PayloadTooLarge,
    /// The guest trapped or exited.
    Trap,
    /// The output is not a JSON object.
    InvalidOutput,
    /// The engine refused a host call: the stage is no longer this caller's.
    Lost,
    /// The sandbox has no room for this component now; trying again may help.
    Busy,
}

impl Reason {
    /// The stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Reason::TimeoutCpu => "timeout_cpu",
            Reason::TimeoutWall => "timeout_wall",
            Reason::MemoryLimit => "memory_limit",
            Reason::StackOverflow => "stack_overflow",
            Reason::HostCallLimit => "host_call_limit",
            Reason::PayloadTooLarge => "payload_too_large",
            Reason::Trap => "trap",
            Reason::InvalidOutput => "invalid_output",
            Reason::Lost => "lost",
            Reason::Busy => "busy",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What a host function raises to end the call: a trap with a reason.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    #[error("the plugin used more than {0:?} of cpu time")]
    Cpu(Duration),
    #[error("the plugin made more than {0} host calls")]
    HostCalls(u64),
    #[error("the plugin sent more than {0} http requests")]
    HttpCalls(u32),
    #[error("the plugin wrote more than {0} log lines")]
    LogLines(u64),
    #[error("the plugin wrote more than {0} bytes of log")]
    LogBytes(usize),
    #[error("the engine ended the call: {0}")]
    Lost(#[from] Lost),
}

impl Stop {
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Stop::Cpu(_) => Reason::TimeoutCpu,
            Stop::HostCalls(_) | Stop::HttpCalls(_) | Stop::LogLines(_) => Reason::HostCallLimit,
            Stop::LogBytes(_) => Reason::PayloadTooLarge,
            Stop::Lost(_) => Reason::Lost,
        }
    }
}
