//! Requests, responses and errors of `wasi:http` as `kiket:plugin/http` has them, and back.

use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{HeaderName, HeaderValue, StatusCode};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Method, Scheme};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::{Error as HttpError, RequestOptions};

use super::Outcome;
use super::body::{Account, hold};
use crate::bindings::kiket::plugin::http::{Error, Request, Response};

/// A request without its body. What is wrong with it is mostly for the gate to say.
pub(super) fn request(wanted: HostOutgoingRequest, options: Option<RequestOptions>) -> Result<Request, ErrorCode> {
    let HostOutgoingRequest { method, scheme, authority, path_with_query, headers, .. } = wanted;
    let scheme = match &scheme {
        Some(Scheme::Http) => "http",
        Some(Scheme::Https) | None => "https",
        Some(Scheme::Other(other)) => other,
    };
    let authority = authority.ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let path = path_with_query.unwrap_or_default();
    let mut fields = Vec::new();
    for (name, value) in headers.iter() {
        let value = value.to_str().map_err(|_| ErrorCode::HttpProtocolError)?;
        // The guest's writing was held to it; the client that sends counts for itself.
        if name != CONTENT_LENGTH {
            fields.push((name.as_str().to_owned(), value.to_owned()));
        }
    }
    Ok(Request {
        method: verb(method),
        url: format!("{scheme}://{authority}{path}"),
        headers: fields,
        body: Vec::new(),
        timeout_ms: options.and_then(timeout),
    })
}

fn verb(method: Method) -> String {
    let known = match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(other) => return other,
    };
    known.to_owned()
}

/// The exchange as a whole may take what its parts may.
fn timeout(options: RequestOptions) -> Option<u32> {
    let RequestOptions { connect_timeout, first_byte_timeout, .. } = options;
    let whole = first_byte_timeout?.saturating_add(connect_timeout.unwrap_or(Duration::ZERO));
    Some(u32::try_from(whole.as_millis()).unwrap_or(u32::MAX))
}

/// A response whose body the guest reads from the host.
pub(super) fn response(response: Response, account: &Account) -> Outcome {
    let Response { status, headers, body } = response;
    let mut answer = http::Response::new(hold(body, account)?);
    *answer.status_mut() = StatusCode::from_u16(status).map_err(|_| HttpError::HttpProtocolError)?;
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            answer.headers_mut().append(name, value);
        }
    }
    Ok(answer)
}

/// What a guest is told.
pub(super) fn error(error: Error, largest: usize) -> HttpError {
    match error {
        Error::Denied(_) => HttpError::HttpRequestDenied,
        Error::InvalidRequest(text) => HttpError::InternalError(Some(text)),
        Error::Unreachable(_) => HttpError::DestinationUnavailable,
        Error::TimedOut => HttpError::HttpResponseTimeout,
        Error::ResponseTooLarge => HttpError::HttpResponseBodySize(Some(largest as u64)),
    }
}
