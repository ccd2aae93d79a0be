//! What an operator can set, with its defaults.

use std::net::SocketAddr;
use std::path::PathBuf;

pub use crate::publish::GitSource;

/// How a server runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of everything the server keeps: database, repositories, plugins.
    pub data: PathBuf,
    /// The folder of compiled code. What is in it gets executed: it belongs to the server's user alone.
    pub cache: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// How many stages run at once.
    pub slots: usize,
    /// The address that clients reach it at, for the webhook URLs it shows.
    pub public_url: Option<String>,
    /// The repository of definitions that every project falls back to.
    pub organisation: Option<GitSource>,
}

impl Config {
    /// How many stages run at once where nobody says otherwise.
    pub const SLOTS: usize = 64;

    /// Makes the configuration of a server that keeps everything below `data`.
    #[must_use]
    pub fn new(data: PathBuf, listen: SocketAddr) -> Self {
        Self { cache: data.join("cache"), data, listen, slots: Self::SLOTS, public_url: None, organisation: None }
    }
}
