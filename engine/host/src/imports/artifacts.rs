//! `kiket:plugin/artifacts`.

use crate::bindings::kiket::plugin::artifacts::{Artifact, Error, Host};
use crate::grant::Capability;
use crate::imports::{admit, ask, workspace};
use crate::state::State;

/// What these calls take.
const CAPABILITY: Capability = Capability::Artifacts;

impl Host for State {
    async fn put(&mut self, name: String, content: Vec<u8>) -> wasmtime::Result<Result<Artifact, Error>> {
        let grant = admit!(self, self.gate.artifacts(true));
        Ok(ask!(self, artifact_put(grant, name, content)))
    }

    async fn keep(&mut self, name: String, path: String) -> wasmtime::Result<Result<Artifact, Error>> {
        let grant = admit!(self, self.gate.artifacts(true));
        let files = admit!(self, self.gate.workspace(false));
        Ok(ask!(self, artifact_keep(grant, files, name, path)))
    }

    async fn find(&mut self, digest: String) -> wasmtime::Result<Result<Artifact, Error>> {
        admit!(self, self.gate.artifacts(false));
        Ok(ask!(self, artifact_find(digest)))
    }

    async fn newest(&mut self, name: String) -> wasmtime::Result<Result<Artifact, Error>> {
        admit!(self, self.gate.artifacts(false));
        Ok(ask!(self, artifact_newest(name)))
    }

    async fn read(&mut self, digest: String, offset: u64, length: u32) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        admit!(self, self.gate.artifacts(false));
        Ok(ask!(self, artifact_read(digest, offset, length.min(workspace::READ))))
    }

    async fn place(&mut self, digest: String, path: String) -> wasmtime::Result<Result<(), Error>> {
        admit!(self, self.gate.artifacts(false));
        let files = admit!(self, self.gate.workspace(true));
        Ok(ask!(self, artifact_place(files, digest, path)))
    }
}
