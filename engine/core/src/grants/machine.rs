//! What a plugin may do with the machine that runs it: values that it keeps, files, programs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Values that a plugin keeps for a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvGrant {
    /// Most bytes of keys and values.
    #[serde(with = "crate::size::as_text")]
    pub quota: u64,
}

/// Files: those of the commit's tree, or artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesGrant {
    /// What may be done with them.
    pub access: Access,
    /// Most bytes that may be written in one call.
    #[serde(with = "crate::size::as_text")]
    pub quota: u64,
}

/// What may be done with files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// They may be read.
    Read,
    /// They may be read and written.
    Write,
}

/// Programs of the machine, started in the jail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessGrant {
    /// Names that are looked up where programs are, and absolute paths; at least one.
    pub programs: Vec<String>,
    /// Whether they reach the network.
    pub network: bool,
    /// Most processor time of one program and all that it starts.
    #[serde(with = "crate::duration::as_text")]
    pub cpu: Duration,
    /// Most time from start to end.
    #[serde(with = "crate::duration::as_text")]
    pub wall: Duration,
    /// Most bytes of memory.
    #[serde(with = "crate::size::as_text")]
    pub memory: u64,
}

impl Access {
    pub(crate) const NAMES: [&'static str; 2] = ["read", "write"];

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::NAMES.iter().zip([Self::Read, Self::Write]).find(|(name, _)| **name == word).map(|(_, found)| found)
    }
}
