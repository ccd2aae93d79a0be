//! A response, and what its status means for the action that asked.

use std::borrow::Cow;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::Failure;
use crate::host::http as host;

/// How much of an error response's body is quoted, in characters.
const QUOTED: usize = 200;

/// A response, whatever its status.
#[derive(Debug, Clone)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    pub(super) fn new(response: host::Response) -> Self {
        Self { status: response.status, headers: response.headers, body: response.body }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first header of that name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    /// All headers in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The body, at most 32 MiB.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body as JSON. A body that does not decode is a permanent failure.
    pub fn json<Body: DeserializeOwned>(&self) -> Result<Body, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::Permanent(format!("the answer is not the JSON that was expected: {error}")))
    }

    /// How long the other side asks to be left alone: `retry-after` in seconds. The form with a date is not read.
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }

    /// The response where its status is 2xx. The rest is a failure: a transient one for 408, 425, 429 and 5xx, which
    /// keeps to `retry-after`, a permanent one for the others.
    pub fn error_for_status(self) -> Result<Self, Failure> {
        if (200..300).contains(&self.status) { Ok(self) } else { Err(self.failure()) }
    }

    /// What the response means as a failure, whatever its status: a transient one for 408, 425, 429 and 5xx, which
    /// keeps to `retry-after`, a permanent one for the others.
    pub fn failure(&self) -> Failure {
        let status = self.status;
        let message = match self.quote() {
            quote if quote.is_empty() => format!("the other side answered {status}"),
            quote => format!("the other side answered {status}: {quote}"),
        };
        match status {
            408 | 425 | 429 | 500.. => Failure::transient(message).retry_after(self.retry_after()),
            _ => Failure::Permanent(message),
        }
    }

    /// The beginning of the body, on one line.
    fn quote(&self) -> String {
        let text = self.text();
        text.trim().chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Response { status, headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_2xx_is_no_failure() {
        assert_eq!(response(204, &[], "").error_for_status().expect("a success").status(), 204);
    }

    #[test]
    fn a_busy_server_is_asked_again_when_it_says() {
        let failure = response(429, &[("Retry-After", "7")], "slow down").error_for_status().expect_err("a failure");
        let wait = Duration::from_secs(7);
        assert_eq!(failure, Failure::transient("the other side answered 429: slow down").retry_after(wait));
    }

    #[test]
    fn a_client_error_and_an_unfollowed_redirect_are_permanent() {
        for status in [301, 400, 404] {
            let failure = response(status, &[], "").error_for_status().expect_err("a failure");
            assert_eq!(failure, Failure::Permanent(format!("the other side answered {status}")));
        }
    }

    #[test]
    fn a_long_answer_is_quoted_on_one_short_line() {
        let failure = response(500, &[], &"line\n".repeat(1_000)).error_for_status().expect_err("a failure");
        let message = failure.to_string();
        assert!(!message.contains('\n') && message.chars().count() < QUOTED + 50, "{message}");
    }
}
