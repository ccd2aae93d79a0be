//! The far side of the network: takes any request, remembers it, and answers as the test says.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;

/// A request that came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

type Answer = Arc<dyn Fn(&Seen) -> Response + Send + Sync>;

pub(crate) struct Receiver {
    pub(crate) port: u16,
    book: Arc<Book>,
}

struct Book {
    answer: Answer,
    seen: Mutex<Vec<Seen>>,
}

impl Receiver {
    pub(crate) async fn open(answer: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let book = Arc::new(Book { answer: Arc::new(answer), seen: Mutex::default() });
        let router = Router::new().fallback(take).with_state(Arc::clone(&book));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, book }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// The grant that reaches it.
    pub(crate) fn grant(&self) -> String {
        format!("http: [{{ scheme: http, host: 127.0.0.1, port: {} }}]", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.book.seen.lock().expect("no panic").clone()
    }
}

async fn take(State(book): State<Arc<Book>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let body = String::from_utf8_lossy(&body).into_owned();
    let seen = Seen { method, uri, headers, body };
    let answer = (book.answer)(&seen);
    book.seen.lock().expect("no panic").push(seen);
    answer
}

/// A status and a text.
pub(crate) fn says(status: u16, text: impl Into<String>) -> Response {
    (StatusCode::from_u16(status).expect("a status"), text.into()).into_response()
}
