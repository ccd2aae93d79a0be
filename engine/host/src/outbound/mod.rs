//! The real HTTP client, and beside it the one for e-mail ([`mail`]): what stands between a plugin's request and the network.
//!
//! It sends one request and reads one response. It follows no redirects, keeps
//! no cookies, reads no proxy settings and repeats nothing. Requests with
//! different permits never share a connection: there are two clients, one of
//! which cannot reach private addresses at all.
//!
//! The caller has checked the grant; this module checks the address.

mod address;
mod mail;
mod resolver;

use std::error::Error as _;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, redirect, retry};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;
use url::Host;

use crate::calls::HttpPermit;
use crate::fill;
use crate::wit::http::{Error as HttpError, Request, Response as HttpResponse};
pub use mail::MailFailed;
pub(crate) use mail::Parties;
use resolver::{Names, Refused, Resolver, admit_literal};

/// How long a connection may take to stand, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Most header fields of a request.
const HEADERS: usize = 100;

/// Fields that belong to the connection, not to the message: the client writes them itself.
const RESERVED: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Sends granted requests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbound {
    public: Client,
    private: Client,
    tls: Arc<ClientConfig>,
    names: Names,
}

/// The client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The system's certificates cannot be read, or the TLS settings are refused.
    #[error("cannot set up tls: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client cannot be built.
    #[error("cannot set up the http client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A request that got no response.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error:?}")]
pub struct SendError {
    /// Why, as the guest is told.
    pub error: HttpError,
    /// Whether it may have reached the other side.
    pub sent: bool,
}

impl From<HttpError> for SendError {
    /// What is refused before there is a connection was not sent.
    fn from(error: HttpError) -> Self {
        Self { error, sent: false }
    }
}

impl Outbound {
    /// A client that trusts the certificates this system trusts.
    ///
    /// # Errors
    /// Fails where the system's certificates cannot be read.
    pub fn new() -> Result<Self, OutboundError> {
        Self::build(system_tls()?, Names::System)
    }

    /// A client that trusts the certificates these settings trust.
    ///
    /// # Errors
    /// Fails where the HTTP client refuses the settings.
    pub fn with_tls(tls: ClientConfig) -> Result<Self, OutboundError> {
        Self::build(tls, Names::System)
    }

    /// A client that is told the addresses of names by a function. Only tests have a use
    /// for it: what becomes of an answer is the same, and the function cannot admit an
    /// address that the system's resolver could not.
    ///
    /// # Errors
    /// Fails where the system's certificates cannot be read.
    #[doc(hidden)]
    pub fn with_names(
        tell: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Result<Self, OutboundError> {
        Self::build(system_tls()?, Names::Told(Arc::new(tell)))
    }

    fn build(tls: ClientConfig, names: Names) -> Result<Self, OutboundError> {
        let resolver = |allow_private| Resolver { names: names.clone(), allow_private };
        let (public, private) = (client(tls.clone(), resolver(false))?, client(tls.clone(), resolver(true))?);
        Ok(Self { public, private, tls: Arc::new(tls), names })
    }

    /// Puts the secrets in, checks what comes of it against the permit, sends the
    /// request and reads the whole response. `value` knows the secrets that
    /// [`secrets_of`](crate::secrets_of) names.
    ///
    /// # Errors
    /// Every variant of `wit`'s `error`, and whether the request may have been sent.
    pub async fn send(
        &self,
        request: Request,
        permit: &HttpPermit,
        value: &(dyn Fn(&str) -> Option<String> + Sync),
    ) -> Result<HttpResponse, SendError> {
        let (request, target, exactly) = fill::fill(request, permit, value)?;
        let literal = match target.host {
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
            Host::Domain(_) => None,
        };
        if let Some(address) = literal {
            admit_literal(address, exactly).map_err(|refused| HttpError::Denied(refused.to_string()))?;
        }
        let client = if exactly { &self.private } else { &self.public };
        let response = client
            .request(target.method, target.url)
            .headers(headers(&request.headers)?)
            .body(request.body)
            .timeout(permit.timeout)
            .send()
            .await
            .map_err(explain)?;
        // What cannot be read was answered all the same.
        read(response, permit.response_bytes).await.map_err(|error| SendError { error, sent: true })
    }
}

fn system_tls() -> Result<ClientConfig, rustls::Error> {
    let settings = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?;
    Ok(settings.with_no_client_auth())
}

fn client(tls: ClientConfig, resolver: Resolver) -> Result<Client, reqwest::Error> {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(resolver)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(retry::never())
        .user_agent(concat!("kiket/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(4)
        .build()
}

fn headers(fields: &[(String, String)]) -> Result<HeaderMap, HttpError> {
    if fields.len() > HEADERS {
        return Err(HttpError::InvalidRequest(format!("more than {HEADERS} header fields")));
    }
    let invalid = |name: &str, what| {
        let name: String = name.chars().take(80).collect();
        HttpError::InvalidRequest(format!("the header field `{name}` {what}"))
    };
    let mut headers = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        let field = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid(name, "has no valid name"))?;
        if RESERVED.contains(&field.as_str()) {
            return Err(invalid(name, "is written by the host"));
        }
        let value = HeaderValue::from_str(value).map_err(|_| invalid(name, "has no valid value"))?;
        headers.append(field, value);
    }
    Ok(headers)
}

async fn read(mut response: Response, limit: usize) -> Result<HttpResponse, HttpError> {
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(HttpError::ResponseTooLarge);
    }
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), std::str::from_utf8(value.as_bytes()).ok()?.into()))
        })
        .collect();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| explain(error).error)? {
        if body.len() + chunk.len() > limit {
            return Err(HttpError::ResponseTooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpResponse { status, headers, body })
}

/// Decides by the types in the chain of causes; the innermost text is the one that says what happened.
fn explain(error: reqwest::Error) -> SendError {
    let sent = !error.is_connect() && !error.is_builder();
    let mut cause = error.source();
    let mut text = None;
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<Refused>() {
            return HttpError::Denied(refused.to_string()).into();
        }
        text = Some(inner.to_string());
        cause = inner.source();
    }
    if error.is_timeout() {
        return SendError { error: HttpError::TimedOut, sent };
    }
    let text = text.unwrap_or_else(|| error.without_url().to_string());
    SendError { error: HttpError::Unreachable(text), sent }
}
