//! `kiket:plugin/process`.

use crate::bindings::kiket::plugin::process::{Command, Error, Finished, Host};
use crate::grant::Capability;
use crate::imports::{admit, ask};
use crate::state::State;

/// What these calls take.
const CAPABILITY: Capability = Capability::Process;

/// Most bytes of a program's output that are returned.
const CAPTURE: u32 = 1024 * 1024;

impl Host for State {
    async fn run(&mut self, command: Command) -> wasmtime::Result<Result<Finished, Error>> {
        let grant = admit!(self, self.gate.process(&command.program));
        let files = admit!(self, self.gate.workspace(false));
        let command = Command { capture: command.capture.min(CAPTURE), ..command };
        Ok(ask!(self, process(grant, files, command)))
    }
}
