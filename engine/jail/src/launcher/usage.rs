//! What the processes have used that this one waited for, or that those waited for.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::program::Usage;
use crate::wire::Failure;

use super::Step;

impl Usage {
    /// CPU time, wherever it was spent.
    pub(super) fn cpu(self) -> Duration {
        self.user + self.system
    }
}

/// Reads it.
pub(super) fn used() -> Step<Usage> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(Failure::broken("reading usage"))?;
    let time = |time: TimeVal| {
        Duration::from_secs(time.tv_sec().unsigned_abs()) + Duration::from_micros(time.tv_usec().unsigned_abs())
    };
    let max_rss = usage.max_rss().unsigned_abs() * 1024;
    Ok(Usage { user: time(usage.user_time()), system: time(usage.system_time()), max_rss })
}
