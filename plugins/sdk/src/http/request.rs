//! A request, built step by step.

use std::time::Duration;

use serde::Serialize;

use super::{Error, Response};
use crate::host::http as host;

/// A request that has not been sent yet.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Result<Vec<u8>, String>,
    timeout: Option<Duration>,
}

impl Request {
    /// A request without headers and body. The method is upper case; the URL is absolute, `http` or `https`, and
    /// has no user information.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), headers: Vec::new(), body: Ok(Vec::new()), timeout: None }
    }

    /// Adds a header; one that is added twice is sent twice.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Ok(body.into());
        self
    }

    /// Sets the body to a value's JSON and adds the content type that says so. A value without a JSON form is
    /// reported by [`send`](Self::send).
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        self.body = serde_json::to_vec(value).map_err(|error| error.to_string());
        self.header("content-type", "application/json")
    }

    /// Sets how long the whole exchange may take; the host allows 30 s at most.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends the request and waits for the response, whatever its status. The host allows 200 requests a stage.
    pub fn send(self) -> Result<Response, Error> {
        let body = self.body.map_err(Error::InvalidRequest)?;
        let timeout_ms = self.timeout.map(|timeout| u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        let request = host::Request { method: self.method, url: self.url, headers: self.headers, body, timeout_ms };
        Ok(Response::new(host::send(&request)?))
    }
}
