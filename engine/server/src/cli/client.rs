//! The HTTP client of a kiket server, and what its refusals mean to a person.

use std::error::Error;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::{ACCEPT, HeaderName};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value as Json;

use super::text;

/// How to reach a server. Shared by every command that talks to one.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Server")]
pub(super) struct Connection {
    /// Address of the server
    #[arg(long, env = "KIKET_SERVER", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    server: String,
    /// Token that the server gave out
    #[arg(long, env = "KIKET_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// Write JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Connection {
    /// Makes the client. Nothing is sent yet.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let Some(token) = self.token.as_deref().filter(|token| !token.is_empty()) else {
            bail!("no token: give --token or set KIKET_TOKEN (a server prints its admin token at its first start)");
        };
        Client::new(&self.server, token)
    }
}

/// A client of one server.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    token: String,
}

/// An answer of the server that is not the one that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{}{}{}", text::clean(.detail), Listed(.reasons), Hint(.hint))]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    /// The problem's stable code.
    pub(super) code: String,
    detail: String,
    reasons: Vec<String>,
    hint: Option<&'static str>,
}

/// The server could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach the server at {base}: {reason}{}", Hint(&Some("is it running? `kiket serve` starts one")))]
pub(super) struct Unreachable {
    base: Url,
    reason: String,
}

impl Client {
    const CONNECT: Duration = Duration::from_secs(10);

    /// Makes a client of the server at `server`, which may have a path.
    pub(super) fn new(server: &str, token: &str) -> anyhow::Result<Self> {
        let base: Url = server.parse().with_context(|| format!("`{server}` is not the address of a server"))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            bail!("`{server}` is not the address of a server, which begins with http:// or https://");
        }
        // Somebody else may have been first, with the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("kiket/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Self::CONNECT)
            // A token is for the server it was given for.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, base, token: token.to_owned() })
    }

    /// Returns the answer to a `GET` of `/api/v1/` and the segments.
    pub(super) async fn get(&self, segments: &[&str], query: &[(&str, &str)]) -> anyhow::Result<Json> {
        let mut url = self.url(segments)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(self.send(self.request(Method::GET, url)).await?.json().await?)
    }

    /// Opens what is at `/api/v1/` and the segments with a query, to be read as it comes.
    pub(super) async fn open_with(&self, segments: &[&str], query: &[(&str, &str)]) -> anyhow::Result<Response> {
        let mut url = self.url(segments)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(self.request(Method::GET, url)).await
    }

    /// Returns everything of a list, page by page.
    pub(super) async fn get_all(&self, segments: &[&str], query: &[(&str, &str)]) -> anyhow::Result<Vec<Json>> {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut query = query.to_vec();
            query.push(("limit", "200"));
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let mut page = self.get(segments, &query).await?;
            if let Some(Json::Array(data)) = page.get_mut("data").map(Json::take) {
                all.extend(data);
            }
            match page["next_cursor"].take() {
                Json::String(next) => cursor = Some(next),
                _ => return Ok(all),
            }
        }
    }

    /// Returns the answer to a `POST` of a JSON body that is acted on once, however often it is sent under its key.
    pub(super) async fn post_once(&self, segments: &[&str], body: &Json, key: Option<&str>) -> anyhow::Result<Json> {
        let mut request = self.request(Method::POST, self.url(segments)?).json(body);
        if let Some(key) = key {
            request = request.header(HeaderName::from_static("idempotency-key"), key);
        }
        Ok(self.send(request).await?.json().await?)
    }

    /// Returns the answer to a `POST` of a JSON body.
    pub(super) async fn post(&self, segments: &[&str], body: &Json) -> anyhow::Result<Json> {
        let request = self.request(Method::POST, self.url(segments)?).json(body);
        Ok(self.send(request).await?.json().await?)
    }

    /// Returns the answer to a `PATCH` of a JSON body.
    pub(super) async fn patch(&self, segments: &[&str], body: &Json) -> anyhow::Result<Json> {
        let request = self.request(Method::PATCH, self.url(segments)?).json(body);
        Ok(self.send(request).await?.json().await?)
    }

    /// Sends a `PUT` of a JSON body, which has no answer.
    pub(super) async fn put(&self, segments: &[&str], body: &Json) -> anyhow::Result<()> {
        let request = self.request(Method::PUT, self.url(segments)?).json(body);
        self.send(request).await.map(drop)
    }

    /// Sends a `DELETE`, which has no answer.
    pub(super) async fn delete(&self, segments: &[&str]) -> anyhow::Result<()> {
        self.send(self.request(Method::DELETE, self.url(segments)?)).await.map(drop)
    }

    /// Opens what is at `/api/v1/` and the segments, to be read as it comes.
    pub(super) async fn open(&self, segments: &[&str]) -> anyhow::Result<Response> {
        self.send(self.request(Method::GET, self.url(segments)?)).await
    }

    /// Opens an event stream after the event called `last_id`, or from its start.
    pub(super) async fn open_stream(&self, segments: &[&str], last_id: Option<&str>) -> anyhow::Result<Response> {
        let mut request = self.request(Method::GET, self.url(segments)?).header(ACCEPT, "text/event-stream");
        if let Some(id) = last_id {
            request = request.header(HeaderName::from_static("last-event-id"), id);
        }
        self.send(request).await
    }

    fn url(&self, segments: &[&str]) -> anyhow::Result<Url> {
        let mut url = self.base.clone();
        let path = url.path_segments_mut().map(|mut path| {
            path.pop_if_empty().extend(["api", "v1"]).extend(segments);
        });
        path.map_err(|()| anyhow::anyhow!("`{}` is not the address of a server", self.base))?;
        Ok(url)
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url).bearer_auth(&self.token)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let answer = request
            .send()
            .await
            .map_err(|error| Unreachable { base: self.base.clone(), reason: root_cause(&error) })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let body = answer.bytes().await.unwrap_or_default();
        Err(Refused::read(status, &body).into())
    }
}

/// A problem as RFC 9457 and the server have it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
    title: String,
    detail: String,
    errors: Vec<Json>,
}

impl Refused {
    /// Reads an answer's body, which need not be one of a kiket server.
    fn read(status: StatusCode, body: &[u8]) -> Self {
        let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
        let detail = [problem.detail, problem.title].into_iter().find(|text| !text.is_empty());
        Self {
            status,
            detail: detail.unwrap_or_else(|| format!("the server answered {status}, which is no answer of kiket's")),
            reasons: problem.errors.iter().map(describe).collect(),
            hint: match (status, problem.code.as_str()) {
                (StatusCode::UNAUTHORIZED, _) => Some("check --token or KIKET_TOKEN"),
                (StatusCode::TOO_MANY_REQUESTS, _) => Some("try again a little later"),
                (_, "") => Some("is --server or KIKET_SERVER the address of a kiket server?"),
                _ => None,
            },
            code: problem.code,
        }
    }
}

/// Says one entry of a problem's `errors`.
fn describe(error: &Json) -> String {
    let part = |key: &str| error.get(key).and_then(Json::as_str);
    let message = part("message").or(part("detail")).or(error.as_str());
    let message = message.map_or_else(|| error.to_string(), str::to_owned);
    let number = |key: &str| error.get(key).and_then(Json::as_u64);
    let hint = part("hint").map(|hint| format!("\n    help: {hint}")).unwrap_or_default();
    if let (Some(line), Some(column)) = (number("line"), number("column")) {
        let code = part("code").map(|code| format!("{code} ")).unwrap_or_default();
        return format!("{line}:{column}: {code}{message}{hint}");
    }
    match part("pointer").or(part("path")) {
        Some(place) if !place.is_empty() => format!("{place}: {message}"),
        _ => message,
    }
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

struct Listed<'a>(&'a [String]);

impl std::fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|reason| write!(f, "\n  {}", text::clean(reason)))
    }
}

struct Hint<'a>(&'a Option<&'static str>);

impl std::fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |hint| write!(f, "\nhelp: {hint}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_servers_path_and_escapes_what_people_type() {
        let client = Client::new("https://example.com/kiket/", "t").unwrap();
        let url = client.url(&["projects", "../a b?c", "sync"]).unwrap();
        assert_eq!(url.as_str(), "https://example.com/kiket/api/v1/projects/..%2Fa%20b%3Fc/sync");
        assert!(Client::new("example.com", "t").is_err());
        assert!(Client::new("file:///etc", "t").is_err());
    }

    #[test]
    fn says_a_problem_with_its_reasons() {
        let body = br#"{"code":"invalid_inputs","title":"Invalid","detail":"the inputs do not fit",
            "errors":[{"pointer":"/version","message":"is required"},"more\u001b[2J"]}"#;
        let refused = Refused::read(StatusCode::UNPROCESSABLE_ENTITY, body);
        assert_eq!(refused.to_string(), "the inputs do not fit\n  /version: is required\n  more");
        assert_eq!(refused.code, "invalid_inputs");
    }

    #[test]
    fn helps_with_a_wrong_token_and_with_a_wrong_server() {
        let refused = Refused::read(StatusCode::UNAUTHORIZED, br#"{"code":"unauthorized","detail":"no valid token"}"#);
        assert_eq!(refused.to_string(), "no valid token\nhelp: check --token or KIKET_TOKEN");
        let refused = Refused::read(StatusCode::NOT_FOUND, b"<html>");
        assert_eq!(
            refused.to_string(),
            "the server answered 404 Not Found, which is no answer of kiket's\n\
             help: is --server or KIKET_SERVER the address of a kiket server?"
        );
    }
}
