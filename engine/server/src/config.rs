//! What an operator can set, with its defaults.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use kiket_host::CompileLimits;

pub use crate::programs::Machine;
pub use crate::publish::GitSource;

/// How a server runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of everything the server keeps: database, repositories, plugins.
    pub data: PathBuf,
    /// The folder of compiled code. What is in it gets executed: it belongs to the server's user alone.
    pub cache: PathBuf,
    /// The file of the key that secrets are encrypted with; it is made at the first start.
    pub master_key: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// How many stages run at once.
    pub slots: usize,
    /// How many requests one token may make in a second, and twice as many at once; 0 is any number. Admin tokens may
    /// make any number.
    pub rate_limit: u32,
    /// The address that clients reach it at, for the webhook URLs it shows.
    pub public_url: Option<String>,
    /// Where the sites are served that stages put live; nowhere where it is `None`.
    pub sites: Option<Sites>,
    /// The repository of definitions that every project falls back to.
    pub organisation: Option<GitSource>,
    /// What programs of plugins see of this machine.
    pub machine: Machine,
    /// How much plugins may take.
    pub plugins: PluginLimits,
    /// How long ended runs are kept, and what belongs to them.
    pub retention: Duration,
}

/// How the sites are served.
#[derive(Debug, Clone)]
pub struct Sites {
    /// Where they are listened for: never where the API is.
    pub listen: SocketAddr,
    /// The address that visitors reach them at, where it is not that one: `https://sites.example.com`, or
    /// `https://{app}.{project}.sites.example.com`.
    pub url: Option<String>,
}

/// How much plugins may take, beyond what a stage says for itself.
#[derive(Debug, Clone, Copy)]
pub struct PluginLimits {
    /// CPU time of one attempt.
    pub cpu: Duration,
    /// Largest component that a repository may bring along, in bytes.
    pub component_bytes: usize,
    /// Compiling one such component.
    pub compile: CompileLimits,
}

impl Default for PluginLimits {
    /// 30 seconds of CPU, 64 MiB a component, as the host has it for compiling.
    fn default() -> Self {
        Self { cpu: Duration::from_secs(30), component_bytes: 64 * 1024 * 1024, compile: CompileLimits::default() }
    }
}

impl Config {
    /// How many stages run at once where nobody says otherwise.
    pub const SLOTS: usize = 64;
    /// How many requests one token may make in a second where nobody says otherwise.
    pub const RATE_LIMIT: u32 = 300;
    /// How long ended runs are kept where nobody says otherwise.
    pub const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);
    /// How long a guard may take where neither it nor its workflow says.
    pub const GUARD_WALL: Duration = Duration::from_secs(10);

    /// Makes the configuration of a server that keeps everything below `data`.
    #[must_use]
    pub fn new(data: PathBuf, listen: SocketAddr) -> Self {
        Self {
            cache: data.join("cache"),
            master_key: data.join("master.key"),
            data,
            listen,
            slots: Self::SLOTS,
            rate_limit: Self::RATE_LIMIT,
            public_url: None,
            sites: None,
            organisation: None,
            machine: Machine::default(),
            plugins: PluginLimits::default(),
            retention: Self::RETENTION,
        }
    }
}
