//! The real HTTP client against real sockets.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use kiket_host::wit::http::{Error as HttpError, Request, Response};
use kiket_host::{Grants, HttpGrant, HttpPermit, Outbound, Placeholders, Scheme};

/// A listener on loopback that nobody should reach.
pub(crate) struct Trap(TcpListener);

impl Trap {
    pub(crate) fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        listener.set_nonblocking(true).expect("nonblocking");
        Self(listener)
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().expect("an address").port()
    }

    /// How many connections wait.
    pub(crate) fn connections(&self) -> usize {
        let mut count = 0;
        loop {
            match self.0.accept() {
                Ok(_) => count += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return count,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Takes one connection, reads the head of a request, sends this text and returns the head.
pub(crate) async fn answer_once(trap: Trap, response: impl Into<String>) -> String {
    let response = response.into();
    let serve = move || {
        trap.0.set_nonblocking(false).expect("blocking");
        let (mut stream, _) = trap.0.accept().expect("a connection");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("a request") == 1 {
            head.push(byte[0]);
        }
        // The client may have seen enough before everything is written.
        let _ = stream.write_all(response.as_bytes());
        String::from_utf8(head).expect("text")
    };
    tokio::task::spawn_blocking(serve).await.expect("no panic")
}

fn get(url: impl Into<String>) -> Request {
    Request { method: "GET".into(), url: url.into(), headers: vec![], body: vec![], timeout_ms: None }
}

/// Grants exactly this host and port.
fn permit(host: &str, port: u16) -> HttpPermit {
    let host = host.parse().expect("a host");
    let grant = HttpGrant { scheme: Scheme::Http, host, port: Some(port), methods: vec![] };
    HttpPermit {
        grants: Arc::new(Grants { http: vec![grant], ..Grants::default() }),
        placeholders: Placeholders::new("n0nce"),
        response_bytes: 1000,
        timeout: Duration::from_secs(5),
    }
}

async fn send(request: Request, permit: &HttpPermit) -> Result<Response, HttpError> {
    Outbound::new().expect("a client").send(request, permit, &|_| None).await.map_err(|failed| failed.error)
}

async fn exchange(
    host: &str,
    request: impl FnOnce(u16) -> Request,
    response: &str,
) -> (Result<Response, HttpError>, String) {
    let trap = Trap::set();
    let permit = permit(host, trap.port());
    let request = request(trap.port());
    let served = tokio::spawn(answer_once(trap, response.to_owned()));
    let response = send(request, &permit).await;
    (response, served.await.expect("served"))
}

#[tokio::test]
async fn never_connects_to_an_address_that_is_not_public() {
    let trap = Trap::set();
    let port = trap.port();
    let permit = permit("*.example.com", port);
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "127.255.255.254",
        "localhost",
        "LOCALHOST",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "１２７.0.0.1",
        "127。0。0。1",
    ] {
        let answer = send(get(format!("http://{host}:{port}/")), &permit).await;
        match answer {
            Err(HttpError::Denied(text)) => assert!(text.contains(".kiket/plugins.yaml"), "{host}: {text}"),
            Err(HttpError::InvalidRequest(_)) if host.ends_with('.') => {}
            other => panic!("{host}: {other:?}"),
        }
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn connects_to_a_private_address_that_the_grant_lists() {
    let (response, request) = exchange(
        "127.0.0.1",
        |port| Request {
            method: "POST".into(),
            headers: vec![("x-token".into(), "abc".into()), ("X-Token".into(), "def".into())],
            body: b"hello".to_vec(),
            ..get(format!("http://127.0.0.1:{port}/path?query"))
        },
        "HTTP/1.1 201 Created\r\nx-one: 1\r\nx-bad: \u{ff}\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let response = response.expect("a response");
    assert_eq!((response.status, response.body.as_slice()), (201, &b"ok"[..]));
    assert!(response.headers.contains(&("x-one".into(), "1".into())), "{:?}", response.headers);
    assert!(request.starts_with("POST /path?query HTTP/1.1\r\n"), "{request}");
    for field in ["x-token: abc\r\n", "x-token: def\r\n", "content-length: 5\r\n", "host: 127.0.0.1:"] {
        assert!(request.contains(field), "{field}: {request}");
    }
}

#[tokio::test]
async fn does_not_follow_redirects() {
    let trap = Trap::set();
    let redirect =
        format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n", trap.port());
    let (response, _) = exchange("localhost", |port| get(format!("http://localhost:{port}/")), &redirect).await;
    assert_eq!(response.expect("a response").status, 302);
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn refuses_a_response_that_is_too_large_announced_or_not() {
    let body = "a".repeat(1001);
    for head in ["content-length: 1001\r\n\r\n", "\r\n"] {
        let response = format!("HTTP/1.1 200 OK\r\n{head}{body}");
        let (response, _) = exchange("127.0.0.1", |port| get(format!("http://127.0.0.1:{port}/")), &response).await;
        assert_eq!(response, Err(HttpError::ResponseTooLarge));
    }
}

#[tokio::test]
async fn gives_up_on_a_server_that_does_not_answer() {
    let trap = Trap::set();
    let permit = HttpPermit { timeout: Duration::from_millis(100), ..permit("127.0.0.1", trap.port()) };
    let answer = send(get(format!("http://127.0.0.1:{}/", trap.port())), &permit).await;
    assert_eq!(answer, Err(HttpError::TimedOut));
    assert_eq!(trap.connections(), 1);
}

#[tokio::test]
async fn says_when_nobody_listens() {
    let port = Trap::set().port();
    let answer = send(get(format!("http://127.0.0.1:{port}/")), &permit("127.0.0.1", port)).await;
    assert!(matches!(answer, Err(HttpError::Unreachable(_))), "{answer:?}");
}

#[tokio::test]
async fn refuses_header_fields_that_are_the_hosts_or_malformed() {
    let trap = Trap::set();
    let permit = permit("127.0.0.1", trap.port());
    for (name, value) in [
        ("host", "a.example"),
        ("Host", "a.example"),
        ("content-length", "5"),
        ("Connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("x-split", "a\r\nhost: b"),
        ("x split", "a"),
        ("", "a"),
    ] {
        let headers = vec![(name.into(), value.into())];
        let request = Request { headers, ..get(format!("http://127.0.0.1:{}/", trap.port())) };
        let answer = send(request, &permit).await;
        assert!(matches!(answer, Err(HttpError::InvalidRequest(_))), "{name}: {answer:?}");
    }
    let many = vec![("x-many".to_owned(), String::new()); 100_000];
    let request = Request { headers: many, ..get(format!("http://127.0.0.1:{}/", trap.port())) };
    assert!(matches!(send(request, &permit).await, Err(HttpError::InvalidRequest(_))));
    assert_eq!(trap.connections(), 0);
}
