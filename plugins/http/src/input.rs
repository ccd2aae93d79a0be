//! What a stage says of its request.

use std::collections::BTreeMap;
use std::time::Duration;

use kiket_plugin::Failure;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub(crate) struct Input {
    #[serde(default = "get")]
    pub(crate) method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    #[serde(default)]
    query: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "present")]
    json: Option<Value>,
    body: Option<String>,
    timeout: Option<String>,
    pub(crate) expect_status: Option<Vec<u16>>,
}

fn get() -> String {
    "GET".to_owned()
}

/// What is there, `null` included.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

impl Input {
    /// The URL with the query added.
    pub(crate) fn full_url(&self) -> String {
        if self.query.is_empty() {
            return self.url.clone();
        }
        let (url, fragment) =
            self.url.split_once('#').map_or((self.url.as_str(), None), |(url, rest)| (url, Some(rest)));
        let pairs = self.query.iter().map(|(name, value)| (name, text(value)));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let joint = match url.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some(_) => "&",
        };
        let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
        format!("{url}{joint}{query}{fragment}")
    }

    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        self.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect()
    }

    /// The content and its type.
    pub(crate) fn content(&self) -> Result<Option<(&'static str, Vec<u8>)>, Failure> {
        match (&self.json, &self.body) {
            (None, None) => Ok(None),
            (Some(json), None) => Ok(Some(("application/json", json.to_string().into_bytes()))),
            (None, Some(body)) => Ok(Some(("text/plain; charset=utf-8", body.clone().into_bytes()))),
            (Some(_), Some(_)) => Err(Failure::invalid_input("a request has `json` or `body`, not both")),
        }
    }

    pub(crate) fn timeout(&self) -> Result<Option<Duration>, Failure> {
        let Some(text) = &self.timeout else { return Ok(None) };
        let parsed = match text.strip_suffix("ms") {
            Some(number) => number.parse().map(Duration::from_millis),
            None => text.trim_end_matches('s').parse().map(Duration::from_secs),
        };
        parsed.map(Some).map_err(|_| Failure::invalid_input(format!("`{text}` is not a time: `500ms`, `10s`")))
    }
}

/// A string as it is; numbers and truth values as they are written in JSON.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn input(value: Value) -> Input {
        serde_json::from_value(value).expect("an input")
    }

    #[test]
    fn adds_the_query_to_what_is_there() {
        let query = json!({ "q": "a b&c", "page": 2, "all": true });
        for (url, whole) in [
            ("https://a.example/x", "https://a.example/x?all=true&page=2&q=a+b%26c"),
            ("https://a.example/x?", "https://a.example/x?all=true&page=2&q=a+b%26c"),
            ("https://a.example/x?z=1#top", "https://a.example/x?z=1&all=true&page=2&q=a+b%26c#top"),
        ] {
            assert_eq!(input(json!({ "url": url, "query": query })).full_url(), whole);
        }
        assert_eq!(input(json!({ "url": "https://a.example/x?z" })).full_url(), "https://a.example/x?z");
    }

    #[test]
    fn a_placeholder_stays_whole_in_the_query() {
        let input = input(json!({ "url": "https://a.example", "query": { "key": "kiket-secret.n0nce.API_KEY." } }));
        assert_eq!(input.full_url(), "https://a.example?key=kiket-secret.n0nce.API_KEY.");
    }

    #[test]
    fn a_json_null_is_a_content_and_a_missing_one_is_none() {
        let content = |value| input(value).content().expect("one content");
        assert_eq!(content(json!({ "url": "u", "json": null })), Some(("application/json", b"null".to_vec())));
        assert_eq!(content(json!({ "url": "u" })), None);
        assert!(input(json!({ "url": "u", "json": 1, "body": "b" })).content().is_err());
    }

    #[test]
    fn reads_how_long_it_may_take() {
        let timeout = |text: &str| input(json!({ "url": "u", "timeout": text })).timeout().ok().flatten();
        assert_eq!(timeout("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(timeout("10s"), Some(Duration::from_secs(10)));
        assert_eq!(timeout("soon"), None);
    }
}
