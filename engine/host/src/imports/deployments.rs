//! `kiket:plugin/deployments`.

use crate::bindings::kiket::plugin::deployments::{Error, Host, Release};
use crate::grant::Capability;
use crate::imports::{admit, ask};
use crate::state::State;

/// What these calls take.
const CAPABILITY: Capability = Capability::Deployments;

impl Host for State {
    async fn prepare(&mut self, app: String, artifact: String) -> wasmtime::Result<Result<Release, Error>> {
        admit!(self, self.gate.app(&app));
        Ok(ask!(self, prepare(app, artifact)))
    }

    async fn probe(&mut self, release: String, path: String) -> wasmtime::Result<Result<u16, Error>> {
        let apps = admit!(self, self.gate.apps());
        Ok(ask!(self, probe(apps, release, path)))
    }

    async fn activate(&mut self, release: String) -> wasmtime::Result<Result<Option<Release>, Error>> {
        let apps = admit!(self, self.gate.apps());
        Ok(ask!(self, activate(apps, release)))
    }

    async fn live(&mut self, app: String) -> wasmtime::Result<Result<Option<Release>, Error>> {
        admit!(self, self.gate.app(&app));
        Ok(ask!(self, live(app)))
    }

    async fn previous(&mut self, app: String) -> wasmtime::Result<Result<Option<Release>, Error>> {
        admit!(self, self.gate.app(&app));
        Ok(ask!(self, previous(app)))
    }
}
