//! The far side of the network: a server that remembers what was asked of it, and can be told to hesitate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::checker::Seen;

/// A payment that came in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Payment {
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) body: String,
}

#[derive(Default)]
pub(crate) struct Book {
    payments: Mutex<Vec<Payment>>,
    behaviour: Mutex<Behaviour>,
    came: Notify,
}

/// What becomes of a payment after it was noted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Behaviour {
    /// It is answered.
    #[default]
    Answers,
    /// It is never answered.
    Hangs,
    /// It is answered after up to 20 ms.
    Dawdles,
    /// Its connection is closed without an answer.
    BreaksOff,
}

impl Book {
    /// What it has seen of effects, as the checker wants it.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let payments = self.payments.lock().expect("no panic");
        let seen =
            |Payment { path, key, body }: &Payment| Seen { path: path.clone(), key: key.clone(), body: body.clone() };
        payments.iter().filter(|payment| !payment.key.is_empty()).map(seen).collect()
    }
}

pub(crate) struct Sink {
    pub(crate) port: u16,
    book: Arc<Book>,
}

impl Sink {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let book = Arc::new(Book::default());
        let router = Router::new().fallback(take).with_state(Arc::clone(&book));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, book }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.book.behaviour.lock().expect("no panic") = behaviour;
    }

    /// What remembers: it outlives the sink.
    pub(crate) fn book(&self) -> Arc<Book> {
        Arc::clone(&self.book)
    }

    /// Waits until there are that many payments.
    pub(crate) async fn wait_for(&self, count: usize) {
        while self.payments().len() < count {
            self.book.came.notified().await;
        }
    }

    pub(crate) fn payments(&self) -> Vec<Payment> {
        self.book.payments.lock().expect("no panic").clone()
    }

    /// The payments of a run.
    pub(crate) fn of_run(&self, run: &str) -> Vec<Payment> {
        let payments = self.book.payments.lock().expect("no panic");
        payments.iter().filter(|payment| payment.key.starts_with(run)).cloned().collect()
    }

    /// Whether there was a payment with this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.book.payments.lock().expect("no panic").iter().any(|payment| payment.key == key)
    }

    /// The bodies by path and key.
    pub(crate) fn by_key(&self) -> BTreeMap<(String, String), Vec<String>> {
        let mut keys: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for Payment { path, key, body } in self.payments() {
            keys.entry((path, key)).or_default().push(body);
        }
        keys
    }
}

async fn take(
    State(book): State<Arc<Book>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<String, StatusCode> {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
    if method == Method::GET && !key.is_empty() {
        let seen = book.payments.lock().expect("no panic").iter().any(|payment| payment.key == key);
        return Ok(if seen { "yes" } else { "no" }.to_owned());
    }
    if method == Method::GET {
        // What is read is never the same twice.
        return Ok(format!("{}", rand::random::<u64>()));
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    book.payments.lock().expect("no panic").push(Payment { path: uri.path().to_owned(), key, body });
    book.came.notify_one();
    let behaviour = *book.behaviour.lock().expect("no panic");
    match behaviour {
        Behaviour::Answers => Ok("paid".to_owned()),
        Behaviour::Hangs => std::future::pending().await,
        Behaviour::Dawdles => {
            tokio::time::sleep(std::time::Duration::from_millis(rand::random_range(0..20))).await;
            Ok("paid".to_owned())
        }
        // A panic ends the task of this connection, and with it the connection.
        Behaviour::BreaksOff => panic!("the sink breaks off, as it was told"),
    }
}
