//! The three functions through which a request leaves, and the one way by which it does.

use tokio::sync::oneshot;
use wasmtime::component::Resource;
use wasmtime_wasi::runtime::{poll_noop, spawn};
use wasmtime_wasi_http::p2::bindings::http::types::{
    ErrorCode, HostOutgoingBody as _, HostOutgoingRequest as _, RequestOptions, Trailers,
};
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{Error, WasiHttpView as _};

use super::body::collect;
use super::{Outcome, Unfinished, translate};
use crate::bindings::kiket::plugin::http::{Error as HttpError, Host as _, Request};
use crate::calls::Level;
use crate::state::State;

impl State {
    /// Opens a request's body for writing, and remembers whose it is.
    pub(super) fn body(
        &mut self,
        request: Resource<HostOutgoingRequest>,
    ) -> wasmtime::Result<Result<Resource<HostOutgoingBody>, ()>> {
        let number = request.rep();
        let opened = self.http().body(request)?;
        if let Ok(body) = &opened {
            self.exchanges.bodies.insert(number, body.rep());
            // A number is given again once nobody has it.
            self.exchanges.unfinished.remove(&body.rep());
        }
        Ok(opened)
    }

    /// Takes a request: sends it where its body is whole, and else keeps it until it is.
    pub(super) async fn handle(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> wasmtime::Result<Result<Resource<HostFutureIncomingResponse>, ErrorCode>> {
        self.gate.free()?;
        let number = self.exchanges.bodies.remove(&request.rep());
        let options = options.map(|options| self.table.delete(options)).transpose()?;
        let mut wanted = self.table.delete(request)?;
        let body = wanted.body.take();
        let request = match translate::request(wanted, options) {
            Ok(request) => request,
            Err(code) => return Ok(Err(code)),
        };
        let Some(body) = body else { return Ok(Ok(self.exchanged(request, Vec::new()).await?)) };
        let mut whole = Box::pin(collect(body, self.exchanges.account.clone()));
        let future = match poll_noop(whole.as_mut()) {
            Some(Ok(bytes)) => return Ok(Ok(self.exchanged(request, bytes).await?)),
            Some(Err(error)) => HostFutureIncomingResponse::Ready(Err(error)),
            None => {
                let (finished, body) = oneshot::channel();
                let (answer, answered) = oneshot::channel();
                let unfinished = Unfinished { request, body, answer };
                let number = number.ok_or_else(|| wasmtime::Error::msg("a body that nobody asked to write"))?;
                self.exchanges.unfinished.insert(number, unfinished);
                HostFutureIncomingResponse::Pending(spawn(async move {
                    let _ = finished.send(whole.await?);
                    let response = answered.await.map_err(|_| Error::HttpProtocolError)??;
                    Ok((response, spawn(async {})))
                }))
            }
        };
        Ok(Ok(self.table.push(future)?))
    }

    /// Ends a body, and sends the request that waited for it.
    pub(super) async fn finish(
        &mut self,
        body: Resource<HostOutgoingBody>,
        trailers: Option<Resource<Trailers>>,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        let number = body.rep();
        if let Err(error) = self.http().finish(body, trailers) {
            return Ok(Err(error.downcast()?));
        }
        let Some(Unfinished { request, body, answer }) = self.exchanges.unfinished.remove(&number) else {
            return Ok(Ok(()));
        };
        // Where the body was refused, whoever collected it has said so already.
        if let Ok(bytes) = body.await {
            let _ = answer.send(self.exchange(request, bytes).await?);
        }
        Ok(Ok(()))
    }

    async fn exchanged(
        &mut self,
        request: Request,
        body: Vec<u8>,
    ) -> wasmtime::Result<Resource<HostFutureIncomingResponse>> {
        let outcome = self.exchange(request, body).await?;
        let outcome = outcome.map(|response| (response, spawn(async {})));
        Ok(self.table.push(HostFutureIncomingResponse::Ready(outcome))?)
    }

    /// Asks `kiket:plugin/http`. Most error codes have no room for a text, so it goes into the log.
    async fn exchange(&mut self, request: Request, body: Vec<u8>) -> wasmtime::Result<Outcome> {
        let error = match self.send(Request { body, ..request }).await? {
            Ok(response) => return Ok(translate::response(response, &self.exchanges.account)),
            Err(error) => error,
        };
        if let HttpError::Denied(text) | HttpError::InvalidRequest(text) | HttpError::Unreachable(text) = &error {
            self.journal.append(Level::Warn, text)?;
        }
        Ok(Err(translate::error(error, self.limits.http_response)))
    }
}
