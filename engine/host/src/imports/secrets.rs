//! `kiket:plugin/secrets`.

use crate::bindings::kiket::plugin::secrets::{Algorithm, Error, Host};
use crate::grant::{Capability, SecretUse};
use crate::imports::{admit, ask};
use crate::state::State;

/// What these calls take.
const CAPABILITY: Capability = Capability::Secrets;

impl Host for State {
    async fn placeholder(&mut self, name: String) -> wasmtime::Result<Result<String, Error>> {
        Ok(Ok(admit!(self, self.gate.placeholder(&name))))
    }

    async fn sign(
        &mut self,
        name: String,
        algorithm: Algorithm,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        let grant = admit!(self, self.gate.secret(&name, SecretUse::Sign));
        Ok(ask!(self, sign(grant, algorithm, data)))
    }

    async fn reveal(&mut self, name: String) -> wasmtime::Result<Result<String, Error>> {
        let grant = admit!(self, self.gate.secret(&name, SecretUse::Reveal));
        Ok(ask!(self, reveal(grant)))
    }
}
