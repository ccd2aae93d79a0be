//! What travels with requests beside the values of `wit/`: permits, and the requests of interfaces whose functions
//! are one to the engine.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::grant::{Grants, MailGrant};
use crate::placeholder::Placeholders;
use crate::wit::{items, workspace};

/// How far a guest's requests may reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpPermit {
    /// What was granted: the hosts, and the secrets that may go to them.
    pub grants: Arc<Grants>,
    /// What stands for secrets in the request.
    pub placeholders: Placeholders,
    /// Largest response body, in bytes.
    pub response_bytes: usize,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

/// How far a guest's e-mail may reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MailPermit {
    /// The grant that covers the server.
    pub grant: MailGrant,
    /// Everything that was granted: the secrets that may go to the server.
    pub grants: Arc<Grants>,
    /// What stands for secrets in the password.
    pub placeholders: Placeholders,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

/// What a guest does in its workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum WorkspaceRequest {
    /// Lists a folder.
    Entries {
        /// The folder.
        path: String,
    },
    /// Reads a part of a file.
    Read {
        /// The file.
        path: String,
        /// From which byte.
        offset: u64,
        /// How many bytes, at most 4 MiB.
        length: u32,
    },
    /// Writes a file anew.
    Write {
        /// The file.
        path: String,
        /// What it holds.
        content: Vec<u8>,
    },
    /// Adds to a file.
    Append {
        /// The file.
        path: String,
        /// What is added.
        content: Vec<u8>,
    },
    /// Makes a file executable or not.
    SetExecutable {
        /// The file.
        path: String,
        /// Whether it may be executed.
        executable: bool,
    },
    /// Removes a file or a folder.
    Remove {
        /// What.
        path: String,
    },
}

/// What a workspace answers: the case belongs to the request's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum WorkspaceAnswer {
    /// The entries of a folder.
    Entries(Vec<workspace::Entry>),
    /// A part of a file.
    Bytes(Vec<u8>),
    /// It is done.
    Done,
}

/// What a guest does with items of its project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ItemRequest {
    /// Shows one.
    Get {
        /// Its id or key.
        id: String,
    },
    /// Finds some.
    Find(items::Query),
    /// Creates one.
    Create {
        /// What it is made of, one JSON object.
        values: String,
    },
    /// Changes fields.
    Update {
        /// Its id or key.
        id: String,
        /// The fields, one JSON object.
        values: String,
    },
    /// Adds a comment.
    Comment {
        /// Its id or key.
        id: String,
        /// The text.
        text: String,
    },
    /// Takes a transition.
    Transition {
        /// Its id or key.
        id: String,
        /// The transition.
        name: String,
        /// In words.
        comment: Option<String>,
    },
}
