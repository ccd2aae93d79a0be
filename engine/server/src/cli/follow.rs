//! The events of one run on a server, in order and without gaps, however often the
//! connection is lost.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Response, StatusCode};
use serde_json::Value as Json;
use tokio::time::{Instant, sleep, timeout};

use super::client::{Client, Refused};
use super::sse::{Event, Parser};

/// A server shows a sign of life each 15 s; a connection that is silent for longer
/// than three of those is lost.
const SILENCE: Duration = Duration::from_secs(50);
/// How long to keep trying once a connection is lost.
const PATIENCE: Duration = Duration::from_secs(120);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// An event as the server sent it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Followed {
    /// Its position in the server's log.
    pub(super) id: Option<String>,
    /// Its kind, such as `stage.started`.
    pub(super) kind: String,
    /// What happened.
    pub(super) data: Json,
}

/// A reader of one run's events, from the first to the last.
pub(super) struct Follow<'a> {
    client: &'a Client,
    run: &'a str,
    connection: Option<Response>,
    parser: Parser,
    arrived: VecDeque<Event>,
    last_id: Option<String>,
    ended: bool,
}

impl<'a> Follow<'a> {
    /// Connects. That it fails the first time is for the caller to know.
    pub(super) async fn start(client: &'a Client, run: &'a str) -> anyhow::Result<Self> {
        let mut follow = Self {
            client,
            run,
            connection: None,
            parser: Parser::default(),
            arrived: VecDeque::new(),
            last_id: None,
            ended: false,
        };
        follow.connect().await?;
        Ok(follow)
    }

    /// Waits for the next event; `None` after the run's last one.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Followed>> {
        loop {
            if let Some(event) = self.arrived.pop_front() {
                if event.kind == "end" {
                    self.ended = true;
                    return Ok(None);
                }
                if event.kind == "reset" {
                    anyhow::bail!("the run is forgotten: it is older than the server keeps runs");
                }
                self.last_id.clone_from(&event.id);
                let data = serde_json::from_str(&event.data).context("an event of the server is not JSON")?;
                return Ok(Some(Followed { id: event.id, kind: event.kind, data }));
            }
            if self.ended {
                return Ok(None);
            }
            self.receive().await?;
        }
    }

    /// Waits for bytes, and for a new connection where the last one is lost.
    async fn receive(&mut self) -> anyhow::Result<()> {
        let Some(connection) = &mut self.connection else { return self.reconnect().await };
        match timeout(SILENCE, connection.chunk()).await {
            Ok(Ok(Some(bytes))) => self.arrived.extend(self.parser.push(&bytes)?),
            // The end without an `end`, a broken connection and silence are one thing.
            Ok(Ok(None) | Err(_)) | Err(_) => self.connection = None,
        }
        Ok(())
    }

    async fn reconnect(&mut self) -> anyhow::Result<()> {
        let wait = self.parser.retry().unwrap_or(Duration::from_secs(1));
        insist(wait, async || self.connect().await).await
    }

    async fn connect(&mut self) -> anyhow::Result<()> {
        let answer = self.client.open_stream(&["runs", self.run, "events"], self.last_id.as_deref()).await?;
        // Nothing more will ever come.
        self.ended = answer.status() == StatusCode::NO_CONTENT;
        self.parser = Parser::resume(self.last_id.clone());
        self.connection = Some(answer);
        Ok(())
    }
}

/// Waits and tries, and again less and less often, until it comes to something or patience is over.
pub(super) async fn insist<T>(
    wait: Duration,
    mut attempt: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let (began, mut wait) = (Instant::now(), wait.min(LONGEST_WAIT));
    loop {
        sleep(wait).await;
        match attempt().await {
            Err(error) if may_pass(&error) && began.elapsed() < PATIENCE => {
                tracing::info!(%error, "the connection is lost, trying again");
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            outcome => return outcome,
        }
    }
}

/// Tells whether the same request may succeed later.
fn may_pass(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<Refused>() {
        Some(refused) => refused.status.is_server_error() || refused.status == StatusCode::TOO_MANY_REQUESTS,
        None => true,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;

    /// Answers each connection with the next text, and returns the requests.
    pub(in crate::cli) async fn serve(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = tokio::spawn(async move {
            let mut requests = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.unwrap());
                }
                requests.push(String::from_utf8(request).unwrap());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            requests
        });
        (address, requests)
    }

    fn stream(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\nretry: 1\n\n{body}")
    }

    async fn follow(address: &str) -> anyhow::Result<Vec<String>> {
        let client = Client::new(address, "kkt_test")?;
        let mut follow = Follow::start(&client, "run_1").await?;
        let mut seen = Vec::new();
        while let Some(event) = follow.next().await? {
            seen.push(format!("{} {} {}", event.id.unwrap_or_default(), event.kind, event.data["n"]));
        }
        Ok(seen)
    }

    #[tokio::test]
    async fn continues_after_the_last_event_it_has_seen() {
        let (address, requests) = serve(vec![
            stream("id: 3\nevent: run.queued\ndata: {\"n\":1}\n\nid: 5\nevent: stage.ready\nda"),
            "HTTP/1.1 503 Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
            stream(": heartbeat\n\nid: 5\nevent: stage.ready\ndata: {\"n\":2}\n\nevent: end\ndata: {}\n\n"),
        ])
        .await;
        assert_eq!(follow(&address).await.unwrap(), ["3 run.queued 1", "5 stage.ready 2"]);
        let requests = requests.await.unwrap();
        assert!(requests[0].starts_with("GET /api/v1/runs/run_1/events HTTP/1.1\r\n"));
        assert!(requests[0].contains("authorization: Bearer kkt_test"));
        assert!(!requests[0].contains("last-event-id"));
        assert!(requests[2].contains("last-event-id: 3\r\n"), "{}", requests[2]);
    }

    #[tokio::test]
    async fn stops_where_the_server_has_nothing_more() {
        let nothing = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_owned();
        let (address, _) = serve(vec![stream("id: 3\nevent: run.failed\ndata: {\"n\":1}\n\n"), nothing]).await;
        assert_eq!(follow(&address).await.unwrap(), ["3 run.failed 1"]);
    }

    #[tokio::test]
    async fn does_not_insist_on_what_was_refused() {
        let refusal = r#"{"code":"not_found","detail":"there is no run `run_1`"}"#;
        let answer = format!("HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n{refusal}", refusal.len());
        let (address, _) = serve(vec![stream("id: 3\nevent: run.queued\ndata: {}\n\n"), answer]).await;
        assert_eq!(follow(&address).await.unwrap_err().to_string(), "there is no run `run_1`");
    }

    #[tokio::test]
    async fn says_that_no_server_is_there() {
        let error = follow("http://127.0.0.1:9").await.unwrap_err().to_string();
        assert!(error.starts_with("cannot reach the server at http://127.0.0.1:9/"), "{error}");
        assert!(error.contains("kiket serve"));
    }
}
