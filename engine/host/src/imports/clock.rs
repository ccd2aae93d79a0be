//! `kiket:plugin/clock`, and the clocks of WASI: one source, the engine's.

use std::sync::Arc;
use std::time::Duration;

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use crate::bindings::kiket::plugin::clock::Host;
use crate::calls::HostCalls;
use crate::state::State;

impl Host for State {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        self.gate.free()?;
        Ok(u64::try_from(self.calls.now().as_millis()).unwrap_or(u64::MAX))
    }
}

/// The engine's clock as WASI has it.
pub(crate) struct Clocks(pub(crate) Arc<dyn HostCalls>);

impl HostWallClock for Clocks {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.0.now()
    }
}

impl HostMonotonicClock for Clocks {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.now().as_nanos()).unwrap_or(u64::MAX)
    }
}
