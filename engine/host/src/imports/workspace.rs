//! `kiket:plugin/workspace`.

use crate::bindings::kiket::plugin::workspace::{Entry, Error, Host};
use crate::calls::{WorkspaceAnswer, WorkspaceRequest};
use crate::grant::Capability;
use crate::imports::{admit, ask};
use crate::state::State;

/// What these calls take.
const CAPABILITY: Capability = Capability::Workspace;

/// Most bytes of one read.
pub(super) const READ: u32 = 4 * 1024 * 1024;

impl Host for State {
    async fn entries(&mut self, path: String) -> wasmtime::Result<Result<Vec<Entry>, Error>> {
        let grant = admit!(self, self.gate.workspace(false));
        let answer = ask!(self, workspace(grant, WorkspaceRequest::Entries { path }));
        Ok(answer.and_then(|answer| match answer {
            WorkspaceAnswer::Entries(entries) => Ok(entries),
            other => Err(unexpected(&other)),
        }))
    }

    async fn read(&mut self, path: String, offset: u64, length: u32) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        let grant = admit!(self, self.gate.workspace(false));
        let request = WorkspaceRequest::Read { path, offset, length: length.min(READ) };
        let answer = ask!(self, workspace(grant, request));
        Ok(answer.and_then(|answer| match answer {
            WorkspaceAnswer::Bytes(bytes) => Ok(bytes),
            other => Err(unexpected(&other)),
        }))
    }

    async fn write(&mut self, path: String, content: Vec<u8>) -> wasmtime::Result<Result<(), Error>> {
        self.change(WorkspaceRequest::Write { path, content }).await
    }

    async fn append(&mut self, path: String, content: Vec<u8>) -> wasmtime::Result<Result<(), Error>> {
        self.change(WorkspaceRequest::Append { path, content }).await
    }

    async fn set_executable(&mut self, path: String, executable: bool) -> wasmtime::Result<Result<(), Error>> {
        self.change(WorkspaceRequest::SetExecutable { path, executable }).await
    }

    async fn remove(&mut self, path: String) -> wasmtime::Result<Result<(), Error>> {
        self.change(WorkspaceRequest::Remove { path }).await
    }
}

impl State {
    async fn change(&mut self, request: WorkspaceRequest) -> wasmtime::Result<Result<(), Error>> {
        let grant = admit!(self, self.gate.workspace(true));
        Ok(ask!(self, workspace(grant, request)).map(drop))
    }
}

/// The engine answered another question; a guest is not to blame, and not to be ended for it.
fn unexpected(answer: &WorkspaceAnswer) -> Error {
    let what = match answer {
        WorkspaceAnswer::Entries(_) => "entries",
        WorkspaceAnswer::Bytes(_) => "bytes",
        WorkspaceAnswer::Done => "nothing",
    };
    Error::Failed(format!("the engine answered with {what}"))
}
