//! What a world notes of its server while it asks it: what it was answered with success, what it heard of streams, what
//! sinks have seen.

use std::sync::PoisonError;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value as Json;

use super::{Frame, PATIENCE, World, parse};
use crate::checker::{Acknowledged, Evidence, Transcript};
use crate::sink::Sink;

/// Most bytes of one stream that are held against the log.
const MOST_HEARD: usize = 4 * 1024 * 1024;

impl World {
    /// Sends a request. What is answered with success has to be true in the end.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Response {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let path = path.strip_prefix("/api/v1").unwrap_or(&path).to_owned();
        let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
        let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or_default();
        let sent = request.body().and_then(|body| body.as_bytes()).map(json).unwrap_or_default();
        let answer = client.execute(request).await.expect("the server answers");
        if !answer.status().is_success() || method == Method::GET {
            return answer;
        }
        let mut again = axum::http::Response::builder().status(answer.status());
        again.headers_mut().expect("a new answer").extend(answer.headers().clone());
        let body = answer.bytes().await.expect("the answer comes whole");
        self.journal.note(Acknowledged { method, path, key, sent, answer: json(&body) });
        again.body(body).expect("the same answer").into()
    }

    /// Notes what was heard of a stream: the path below `/api/v1`, and the position that it was to begin after.
    pub(crate) fn hear(&self, path: &str, after: Option<i64>, frames: Vec<Frame>) {
        let transcript = Transcript { path: path.to_owned(), after, frames };
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(transcript);
    }

    /// Holds what a sink has seen against the database in the end.
    pub(crate) fn heed(&mut self, sink: &Sink) {
        self.sinks.push(sink.book());
    }

    /// What is known from outside; it is forgotten.
    pub(crate) fn evidence(&self) -> Evidence {
        let transcripts = std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        let sink = self.sinks.iter().flat_map(|book| book.seen()).collect();
        Evidence { acknowledged: self.journal.take(), transcripts, sink }
    }

    /// Forgets what was noted so far: the server goes back to a time before, or others have changed things as well.
    pub(crate) fn forget(&self) {
        drop(self.evidence());
    }

    /// Sends a request that has to succeed.
    pub(crate) async fn ok(&self, request: RequestBuilder) -> Json {
        let answer = self.send(request).await;
        let status = answer.status();
        let body: Json = answer.json().await.expect("the answer is JSON");
        assert!(status.is_success(), "{status}: {body:#}");
        body
    }

    /// Sends a request that has to succeed without an answer.
    pub(crate) async fn ok_empty(&self, request: RequestBuilder) {
        let answer = self.send(request).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{}", answer.text().await.unwrap_or_default());
    }

    /// Asks again on every change of the log until there is an answer.
    pub(crate) async fn until<T>(&self, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        let path = "/events?from=start";
        let mut events = self.get(path).send().await.expect("the server answers");
        let mut text = Vec::new();
        let wait = async {
            loop {
                if let Some(answer) = ask().await {
                    return answer;
                }
                let chunk = events.chunk().await.expect("the stream goes on").unwrap_or_default();
                if text.len() < MOST_HEARD {
                    text.extend(chunk);
                }
            }
        };
        let answer = tokio::time::timeout(PATIENCE, wait).await.expect("what the test waits for happens");
        // What came last may have come in part.
        let whole = text.windows(2).rposition(|end| end == b"\n\n").unwrap_or_default();
        self.hear(path, Some(0), parse(&String::from_utf8_lossy(&text[..whole])));
        answer
    }
}
