//! `kiket:plugin/http`.
//!
//! A request without a grant answers `denied`; it does not trap and reaches nobody.

use crate::bindings::kiket::plugin::http::{Error, Host, Request, Response};
use crate::gate::Refusal;
use crate::grant::Capability;
use crate::imports::ask;
use crate::state::State;

/// What these calls take.
const CAPABILITY: Capability = Capability::Http;

impl Host for State {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        let (request, permit) = match self.gate.http(request)? {
            Ok(admitted) => admitted,
            Err(Refusal::Denied(denial)) => return Ok(Err(Error::Denied(self.deny(denial).await?))),
            Err(Refusal::Invalid(text)) => return Ok(Err(Error::InvalidRequest(text))),
        };
        let largest = permit.response_bytes;
        Ok(match ask!(self, http(request, permit)) {
            Ok(response) if response.body.len() > largest => Err(Error::ResponseTooLarge),
            answer => answer,
        })
    }
}
