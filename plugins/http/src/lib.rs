//! Sends one HTTP request as a stage.
//!
//! What may be sent where is the host's question; secrets are placeholders here, and become values only on their way
//! out.

mod input;
mod output;

use kiket_plugin::{Call, Failure, http, log, plugin};

use crate::input::Input;
use crate::output::Output;

plugin! { manifest: "manifest.yaml", actions: { "run" => send } }

fn send(input: Input, call: &Call) -> Result<Output, Failure> {
    let expected = input.expect_status.clone();
    let response = request(input, call.effect_key())?.send()?;
    log::info!("the other side answered {}", response.status());
    check_status(response, expected.as_deref()).map(|response| Output::of(&response))
}

/// The request that an input describes.
fn request(input: Input, effect_key: &str) -> Result<http::Request, Failure> {
    let mut request = http::Request::new(input.method.clone(), input.full_url());
    let mut headers = input.headers();
    let has =
        |headers: &[(String, String)], name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    if !matches!(input.method.as_str(), "GET" | "HEAD" | "OPTIONS") && !has(&headers, "idempotency-key") {
        headers.push(("idempotency-key".into(), effect_key.into()));
    }
    if let Some((content_type, body)) = input.content()? {
        if !has(&headers, "content-type") {
            headers.push(("content-type".into(), content_type.into()));
        }
        request = request.body(body);
    }
    if let Some(timeout) = input.timeout()? {
        request = request.timeout(timeout);
    }
    Ok(headers.into_iter().fold(request, |request, (name, value)| request.header(name, value)))
}

/// The response where its status is expected; where nothing is said, every 2xx is.
fn check_status(response: http::Response, expected: Option<&[u16]>) -> Result<http::Response, Failure> {
    let status = response.status();
    match expected {
        Some(expected) if expected.contains(&status) => return Ok(response),
        None if (200..300).contains(&status) => return Ok(response),
        _ => {}
    }
    match response.header("location").filter(|_| (300..400).contains(&status)) {
        Some(location) => Err(Failure::Permanent(format!(
            "the other side answered {status} and points to {location}: redirects are not followed"
        ))),
        None => Err(response.failure()),
    }
}
