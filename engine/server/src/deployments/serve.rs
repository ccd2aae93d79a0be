//! The listener that sites are served from. Its pages are written by strangers, so it is never the origin of the API.
//!
//! A request asks once which release is live and is answered from that one alone. What is served never changes under
//! its release, so the tag of an answer is the digest of the release's artifact. There is no `Last-Modified`: a live
//! address can go back to an older release, and a client that compares times would keep the newer one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use kiket_core::ReleaseId;
use kiket_store::StoreError;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::services::ServeFile;

use super::Deployments;
use super::address::Visit;
use super::folder::{Found, find};
use super::live::Site;

/// Names the release that an answer is of.
pub(super) const RELEASE: HeaderName = HeaderName::from_static("kiket-release");

/// How long visitors may go on after the end of the server.
const FAREWELL: Duration = Duration::from_secs(10);

/// Answers visitors until `shutdown`, and those who are there a little longer.
pub(crate) async fn serve(listener: TcpListener, deployments: Arc<Deployments>, shutdown: CancellationToken) {
    let router = Router::new().fallback(answer).with_state(deployments);
    let serve = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let end = async {
        shutdown.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        served = serve.into_future() => {
            if let Err(error) = served {
                tracing::error!(%error, "sites are no longer served");
            }
        }
        () = end => {}
    }
}

async fn answer(State(deployments): State<Arc<Deployments>>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    let mut response = match request.method {
        Method::GET | Method::HEAD => deployments.visit(&request).await,
        _ => (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")], "sites are read\n").into_response(),
    };
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

impl Deployments {
    async fn visit(&self, request: &Parts) -> Response {
        let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = request.uri.authority().map(|authority| authority.as_str()).or(host);
        let addresses = self.door.as_ref().map(|door| &door.addresses);
        let Some(visit) = addresses.and_then(|addresses| addresses.visit(host, request.uri.path())) else {
            return nothing();
        };
        let site = match self.site(&visit).await {
            Ok(Some(site)) => site,
            Ok(None) => return nothing(),
            Err(error) => {
                tracing::error!(%error, "a site cannot be looked up");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        };
        let mut response = self.page(request, &visit, &site).await;
        let name = HeaderValue::from_str(&site.release.to_string()).expect("an id is plain ASCII");
        response.headers_mut().insert(RELEASE, name);
        response
    }

    /// Finds what is asked for: a release of that very app, or its live one.
    async fn site(&self, visit: &Visit<'_>) -> Result<Option<Site>, StoreError> {
        let Some(release) = visit.release else { return Ok(self.live.get(visit.project, visit.app)) };
        let Ok(release) = release.parse::<ReleaseId>() else { return Ok(None) };
        let release = self.store.release(release).await?;
        let release = release.filter(|found| found.project_name == visit.project && found.app == visit.app);
        Ok(release.as_ref().map(Site::of))
    }

    async fn page(&self, request: &Parts, visit: &Visit<'_>, site: &Site) -> Response {
        let Some(path) = visit.path else { return with_slash(&request.uri) };
        let Ok(digest) = site.artifact.parse() else { return nothing() };
        let folder = self.sites.path(&digest);
        match find(&folder, path).await {
            Found::File(file) => {
                let tag = HeaderValue::from_str(&format!("\"{}\"", site.artifact)).expect("a digest is plain ASCII");
                let mut response = tagged(request, &tag, file).await;
                // A release is the same for ever; what is live is asked for again.
                let keep = if visit.release.is_some() { "public, max-age=31536000, immutable" } else { "no-cache" };
                response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
                response
            }
            Found::Folder => with_slash(&request.uri),
            Found::Nothing => match find(&folder, "404.html").await {
                Found::File(file) => {
                    let mut response = send(&request.method, None, file).await;
                    *response.status_mut() = StatusCode::NOT_FOUND;
                    response
                }
                _ => nothing(),
            },
        }
    }
}

/// Answers with a file, or a part of it, or that the client has it (RFC 9110, section 13.2.2).
async fn tagged(request: &Parts, tag: &HeaderValue, file: PathBuf) -> Response {
    let headers = &request.headers;
    let mut response = if headers.contains_key(header::IF_MATCH) && !names(headers, &header::IF_MATCH, tag) {
        StatusCode::PRECONDITION_FAILED.into_response()
    } else if names(headers, &header::IF_NONE_MATCH, tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        send(&request.method, range(headers, tag), file).await
    };
    response.headers_mut().insert(header::ETAG, tag.clone());
    response
}

/// The part that is asked for. Several parts, or parts of another release, are answered with the whole.
fn range<'r>(headers: &'r HeaderMap, tag: &HeaderValue) -> Option<&'r HeaderValue> {
    let fits = headers.get(header::IF_RANGE).is_none_or(|wanted| wanted == tag);
    headers.get(header::RANGE).filter(|range| fits && !range.as_bytes().contains(&b','))
}

/// Tells whether a list of tags names this one.
fn names(headers: &HeaderMap, list: &HeaderName, tag: &HeaderValue) -> bool {
    let tags = headers.get_all(list).iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    tags.map(str::trim).any(|named| named == "*" || named.trim_start_matches("W/").as_bytes() == tag.as_bytes())
}

/// Reads a file as an answer. Of the request it is told no more than is passed here.
async fn send(method: &Method, range: Option<&HeaderValue>, file: PathBuf) -> Response {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method.clone();
    request.headers_mut().extend(range.map(|range| (header::RANGE, range.clone())));
    let mut response = match ServeFile::new(&file).try_call(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::error!(file = %file.display(), %error, "a file of a site cannot be read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    };
    let headers = response.headers_mut();
    headers.remove(header::LAST_MODIFIED);
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if let Some(kind) = kind.filter(|kind| kind.starts_with("text/") && !kind.contains("charset")) {
        let kind = HeaderValue::from_str(&format!("{kind}; charset=utf-8")).expect("it was a value before");
        headers.insert(header::CONTENT_TYPE, kind);
    }
    response
}

/// Leads to the same address with a slash at its end, on the same host.
fn with_slash(uri: &Uri) -> Response {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let location = format!("{}/{query}", uri.path());
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
}

fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing at this address\n").into_response()
}
