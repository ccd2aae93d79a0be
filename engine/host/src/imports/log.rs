//! `kiket:plugin/log`.

use crate::bindings::kiket::plugin::log::{Host, Level};
use crate::calls;
use crate::error::Stop;
use crate::state::State;

impl Host for State {
    async fn line(&mut self, level: Level, text: String) -> wasmtime::Result<()> {
        self.gate.free()?;
        self.journal.append(level.into(), &text)?;
        self.journal.drain().await.map_err(Stop::Lost)?;
        Ok(())
    }
}

impl From<Level> for calls::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}
