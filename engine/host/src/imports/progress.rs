//! `kiket:plugin/progress`.

use crate::bindings::kiket::plugin::progress::{Host, Status};
use crate::calls::Progress;
use crate::error::Stop;
use crate::state::State;

impl Host for State {
    async fn report(&mut self, status: Status) -> wasmtime::Result<()> {
        self.gate.free()?;
        let Status { mut message, done, total } = status;
        message.truncate(message.floor_char_boundary(self.limits.log_line));
        let sent = self.calls.progress(Progress { message, done, total });
        self.clock.outside(sent).await.map_err(Stop::Lost)?;
        Ok(())
    }
}
