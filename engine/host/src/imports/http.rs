//! `kiket:plugin/http`.
//!
//! A request without a grant answers `denied`; it does not trap and reaches nobody.

use crate::bindings::kiket::plugin::http::{Error, Host, Request, Response};
use crate::calls::{HttpError, HttpRequest};
use crate::error::Stop;
use crate::gate::Refusal;
use crate::state::State;

impl Host for State {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        let (target, permit) = match self.gate.http(&request.method, &request.url)? {
            Ok(admitted) => admitted,
            Err(Refusal::Denied(text)) => return Ok(Err(Error::Denied(text))),
            Err(Refusal::Invalid(text)) => return Ok(Err(Error::InvalidRequest(text))),
        };
        let Request { method, headers, body, .. } = request;
        let request = HttpRequest { method, url: target.url.into(), headers, body };
        let answer = self.clock.outside(self.calls.http(request, permit)).await;
        Ok(match answer {
            Ok(response) if response.body.len() > permit.response_bytes => Err(Error::ResponseTooLarge),
            Ok(response) => Ok(Response { status: response.status, headers: response.headers, body: response.body }),
            Err(HttpError::Denied(text)) => Err(Error::Denied(text)),
            Err(HttpError::InvalidRequest(text)) => Err(Error::InvalidRequest(text)),
            Err(HttpError::Unreachable(text)) => Err(Error::Unreachable(text)),
            Err(HttpError::TimedOut) => Err(Error::TimedOut),
            Err(HttpError::ResponseTooLarge) => Err(Error::ResponseTooLarge),
            Err(HttpError::Lost(lost)) => return Err(Stop::Lost(lost).into()),
        })
    }
}
