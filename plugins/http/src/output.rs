//! What a stage learns of the response.

use std::collections::BTreeMap;

use kiket_plugin::http::Response;
use serde::Serialize;
use serde_json::Value;

/// How much of a body is told, in bytes: an output holds a mebibyte, and this twice.
const BODY: usize = 256 * 1024;

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Output {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
    truncated: bool,
    json: Value,
}

impl Output {
    pub(crate) fn of(response: &Response) -> Self {
        let (body, truncated) = cut(response.body());
        let json = if truncated { None } else { serde_json::from_slice(response.body()).ok() };
        Self {
            status: response.status(),
            headers: join(response.headers()),
            body,
            truncated,
            json: json.unwrap_or_default(),
        }
    }
}

/// The beginning of a body as text, and whether there is more.
fn cut(body: &[u8]) -> (String, bool) {
    if body.len() <= BODY {
        return (String::from_utf8_lossy(body).into_owned(), false);
    }
    // A character that the cut goes through is left out.
    let text = String::from_utf8_lossy(&body[..BODY]);
    (text.trim_end_matches('\u{fffd}').to_owned(), true)
}

fn join<'h>(headers: impl Iterator<Item = (&'h str, &'h str)>) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let values = joined.entry(name.to_ascii_lowercase()).or_default();
        if !values.is_empty() {
            values.push_str(", ");
        }
        values.push_str(value);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_body_is_cut_between_characters() {
        assert_eq!(cut(b"short"), ("short".to_owned(), false));
        let (text, truncated) = cut(format!("x{}", "ř".repeat(BODY)).as_bytes());
        assert!(truncated && text.len() == BODY - 1 && text.ends_with('ř'), "{}", text.len());
    }

    #[test]
    fn headers_that_came_several_times_are_joined() {
        let headers = join([("Vary", "a"), ("vary", "b"), ("etag", "1")].into_iter());
        assert_eq!(headers, [("etag".to_owned(), "1".to_owned()), ("vary".to_owned(), "a, b".to_owned())].into());
    }
}
