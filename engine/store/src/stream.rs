//! What has a history of its own: runs and items.
//!
//! A stream is one row. It moves on by compare-and-set on its sequence number, which counts its events in the log.

use std::fmt;

use kiket_core::{ItemId, RunId};

/// Names a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// A run.
    Run(RunId),
    /// An item.
    Item(ItemId),
}

impl Stream {
    /// The run that it is, if it is one.
    #[must_use]
    pub const fn run(self) -> Option<RunId> {
        match self {
            Self::Run(run) => Some(run),
            Self::Item(_) => None,
        }
    }

    /// The item that it is, if it is one.
    #[must_use]
    pub const fn item(self) -> Option<ItemId> {
        match self {
            Self::Run(_) => None,
            Self::Item(item) => Some(item),
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(run) => write!(f, "run `{run}`"),
            Self::Item(item) => write!(f, "item `{item}`"),
        }
    }
}
