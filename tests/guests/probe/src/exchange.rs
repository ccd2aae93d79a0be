//! A request over `wasi:http`, as the HTTP clients of other toolchains send it: with its body written first, written
//! afterwards, or never finished.

use kiket_plugin::{Call, Failure};
use serde::Deserialize;
use serde_json::{Value, json};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{ErrorCode, Fields, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

#[derive(Deserialize)]
pub(crate) struct Exchange {
    port: u16,
    /// How many bytes are written.
    bytes: usize,
    order: Order,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Order {
    Before,
    After,
    Never,
}

/// Sends a request; answers with the response's status and body, or with the error's name.
pub(crate) fn exchange(input: Exchange, _: &Call) -> Result<Value, Failure> {
    Ok(send(&input).unwrap_or_else(|code| json!({ "error": format!("{code:?}") })))
}

fn send(Exchange { port, bytes, order }: &Exchange) -> Result<Value, ErrorCode> {
    let request = OutgoingRequest::new(Fields::new());
    let said = "the request takes what it is told";
    request.set_method(&Method::Post).expect(said);
    request.set_scheme(Some(&Scheme::Http)).expect(said);
    request.set_authority(Some(&format!("127.0.0.1:{port}"))).expect(said);
    request.set_path_with_query(Some("/exchange")).expect(said);
    let body = request.body().expect("nobody has it yet");
    let future = if *order == Order::Before {
        write(body, *bytes)?;
        handle(request, None)?
    } else {
        let future = handle(request, None)?;
        if *order == Order::After {
            write(body, *bytes)?
        } else {
            drop(body)
        }
        future
    };
    future.subscribe().block();
    let response = future.get().expect("it is ready").expect("it was not taken yet")?;
    let body = response.consume().expect("nobody has it yet");
    let stream = body.stream().expect("nobody has it yet");
    let mut read = Vec::new();
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(chunk) => read.extend(chunk),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => panic!("{}", error.to_debug_string()),
        }
    }
    Ok(json!({ "status": response.status(), "body": String::from_utf8_lossy(&read) }))
}

/// Writes a body in small pieces and finishes it. Where nobody takes more, the future says why.
fn write(body: OutgoingBody, bytes: usize) -> Result<(), ErrorCode> {
    let stream = body.write().expect("nobody has it yet");
    let mut left = bytes;
    while left > 0 {
        let piece = left.min(4096);
        if stream.blocking_write_and_flush(&vec![b'x'; piece]).is_err() {
            break;
        }
        left -= piece;
    }
    drop(stream);
    OutgoingBody::finish(body, None)
}
