//! A proxy in front of the server that adds the token, shows a page to a browser and hears what the page has seen.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;

#[derive(Clone)]
struct Proxy {
    base: String,
    token: String,
    http: Client,
}

/// Opens it for as long as the test runs.
pub(super) async fn open(base: &str, token: &str, page: String, seen: UnboundedSender<String>) -> SocketAddr {
    let http = Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    let proxy = Proxy { base: base.to_owned(), token: token.to_owned(), http };
    let hear = move |line: String| async move { seen.send(line).map_or(StatusCode::GONE, |()| StatusCode::NO_CONTENT) };
    let router = Router::new()
        .route("/", get(async || Html(page)))
        .route("/seen", post(hear))
        .fallback(forward)
        .with_state(proxy);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Asks the server. While that is not there, the stream is one that ends at once: a browser comes back after that, and
/// after the status 502 it would not.
async fn forward(State(proxy): State<Proxy>, asked: Request) -> Response {
    let mut request = proxy.http.get(format!("{}{}", proxy.base, asked.uri())).bearer_auth(&proxy.token);
    if let Some(last) = asked.headers().get("last-event-id") {
        request = request.header("last-event-id", last);
    }
    let stream = [(header::CONTENT_TYPE, "text/event-stream")];
    match request.send().await {
        Ok(answer) => (answer.status(), stream, Body::from_stream(answer.bytes_stream())).into_response(),
        Err(_) => (stream, Body::empty()).into_response(),
    }
}
