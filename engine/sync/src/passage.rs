//! One request of the Git library, passed on to the repository's host.
//!
//! The library speaks plain HTTP to the gate; TLS is spoken here. Each request has
//! a connection of its own (`Connection: close`), so an answer ends where the
//! server hangs up, and its body passes through unread.
//!
//! A redirect to another host ends the transfer, and so does a server's own
//! trouble: the library would not say more than that something went wrong.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_platform_verifier::BuilderVerifierExt;
use url::Url;

use crate::budget::{Budget, Halt, Timed};
use crate::message::{Head, read_body};

const CHUNK_BYTES: usize = 64 << 10;

/// Serves one connection of the library. What goes wrong is noted in the budget;
/// the library then only sees that the connection ends.
pub(crate) fn serve(client: &TcpStream, home: &Url, budget: &Budget) {
    if let Err(halt) = pass(client, home, budget) {
        budget.halt(halt);
    }
    let _ = client.shutdown(Shutdown::Both);
}

fn pass(client: &TcpStream, home: &Url, budget: &Budget) -> Result<(), Halt> {
    let mut reader = BufReader::new(Timed::new(client, budget));
    // A library that hangs up has its own reason to.
    let Ok(mut request) = Head::read(&mut reader) else { return Ok(()) };
    let Ok(body) = read_body(&mut reader, &request) else { return Ok(()) };

    let mut server = connect(home, budget).map_err(unreachable)?;
    let target = home.join(request.target()).map_err(|_| Halt::Redirected(request.target().to_owned()))?;
    for name in ["connection", "transfer-encoding", "content-length"] {
        request.remove(name);
    }
    request.set("Host", &home[url::Position::BeforeHost..url::Position::AfterPort]);
    request.set("Connection", "close");
    if !body.is_empty() {
        request.set("Content-Length", &body.len().to_string());
    }
    let sent = [request.to_bytes(), body].concat();
    server.write_all(&sent).and_then(|()| server.flush()).map_err(unreachable)?;

    let mut answer = BufReader::with_capacity(CHUNK_BYTES, server);
    let mut head = Head::read(&mut answer).map_err(unreachable)?;
    judge(&mut head, &target)?;
    // Servers need not repeat what they were asked for.
    head.set("Connection", "close");
    let mut chunk = head.to_bytes();
    let mut client = Timed::new(client, budget);
    loop {
        if !budget.receive(chunk.len()) || client.write_all(&chunk).is_err() {
            return Ok(());
        }
        chunk.resize(CHUNK_BYTES, 0);
        match answer.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => chunk.truncate(count),
            // Many servers hang up without the farewell that TLS asks for; whether
            // the answer was complete is the library's to see.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(unreachable(error)),
        }
    }
}

/// Decides by the status alone whether an answer may pass.
fn judge(head: &mut Head, target: &Url) -> Result<(), Halt> {
    match head.status() {
        Some(300..=399) => {
            let location = head.get("location").unwrap_or_default().to_owned();
            let next = target.join(&location).ok().filter(|next| next.origin() == target.origin());
            let next = next.ok_or(Halt::Redirected(location))?;
            // The library knows the host by the gate's address.
            head.set("Location", &next[url::Position::BeforePath..url::Position::AfterQuery]);
            Ok(())
        }
        Some(401 | 407) => Err(Halt::Unauthenticated),
        Some(status @ (408 | 429 | 500..=599)) => Err(Halt::Unreachable(format!("the server answered {status}"))),
        Some(_) => Ok(()),
        None => Err(Halt::Unreachable("the answer is not HTTP".to_owned())),
    }
}

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

fn connect<'a>(home: &Url, budget: &'a Budget) -> io::Result<Box<dyn Stream + 'a>> {
    let stream = Timed::new(dial(home, budget)?, budget);
    if home.scheme() != "https" {
        return Ok(Box::new(stream));
    }
    let host = home.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let session = ClientConnection::new(trust()?, name).map_err(io::Error::other)?;
    Ok(Box::new(StreamOwned::new(session, stream)))
}

fn dial(home: &Url, budget: &Budget) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in home.socket_addrs(|| None)? {
        match TcpStream::connect_timeout(&address, budget.time_left()?) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Returns whom to trust: the certificates of the operating system, read once.
fn trust() -> io::Result<Arc<ClientConfig>> {
    static TRUST: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = TRUST.get() {
        return Ok(Arc::clone(config));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(io::Error::other)?
        .with_no_client_auth();
    Ok(Arc::clone(TRUST.get_or_init(|| Arc::new(config))))
}

fn unreachable(error: io::Error) -> Halt {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Halt::Unreachable("the server hung up without an answer".to_owned()),
        _ => Halt::Unreachable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(answer: &str) -> Result<String, Halt> {
        let target = "https://git.example.com/shop/info/refs?service=git-upload-pack".parse().unwrap();
        let mut head = Head::read(&mut answer.as_bytes()).unwrap();
        judge(&mut head, &target).map(|()| String::from_utf8(head.to_bytes()).unwrap())
    }

    #[test]
    fn a_redirect_on_the_same_host_is_told_without_the_host() {
        for location in ["https://git.example.com/store/info/refs?service=x", "/store/info/refs?service=x"] {
            let answer = format!("HTTP/1.1 301 Moved\r\nLocation: {location}\r\n\r\n");
            assert_eq!(judged(&answer).unwrap(), "HTTP/1.1 301 Moved\r\nLocation: /store/info/refs?service=x\r\n\r\n");
        }
    }

    #[test]
    fn a_redirect_elsewhere_ends_the_transfer() {
        for location in [
            "https://evil.example.com/shop",
            "http://git.example.com/shop",
            "https://git.example.com:8443/shop",
            "//127.0.0.1/shop",
            "file:///etc",
            "https://git.example.com@evil.example.com/",
        ] {
            let answer = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\n\r\n");
            assert_eq!(judged(&answer), Err(Halt::Redirected(location.to_owned())));
        }
    }

    #[test]
    fn trouble_is_told_by_its_status() {
        assert_eq!(judged("HTTP/1.1 401 No\r\n\r\n"), Err(Halt::Unauthenticated));
        assert_eq!(judged("HTTP/1.1 503 No\r\n\r\n"), Err(Halt::Unreachable("the server answered 503".to_owned())));
        assert_eq!(judged("SSH-2.0 hello\r\n\r\n"), Err(Halt::Unreachable("the answer is not HTTP".to_owned())));
        assert_eq!(judged("HTTP/1.1 404 No\r\n\r\n").unwrap(), "HTTP/1.1 404 No\r\n\r\n");
    }
}
