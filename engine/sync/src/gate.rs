//! The one way from the Git library to the network.
//!
//! The library cannot be interrupted while it waits for a slow server, and asks
//! nobody before it connects to where a redirect points. So it is only ever given
//! an address of ours on the loopback interface. Behind it stands this gate, which
//! connects to one host, counts what comes in, and hangs up at the deadline.
//!
//! For `https://` it is a tunnel (`CONNECT`): the library checks the certificate
//! and the gate sees ciphertext. For `http://` it stands in for the server, one
//! request a connection, and only exchanges the `Host` header.
//!
//! Every thread of a gate ends with its connection, at the deadline at the latest.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use url::Url;

use crate::budget::{Budget, Halt};

const HEAD_BYTES: usize = 16 << 10;
const CHUNK_BYTES: usize = 64 << 10;

pub(crate) struct Gate {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    doorman: Option<JoinHandle<()>>,
}

/// What every connection through one gate has in common.
struct Passage {
    url: Url,
    budget: Arc<Budget>,
}

impl Gate {
    /// Opens a gate to the host of `url`, for as long as the value lives.
    pub(crate) fn open(url: &Url, budget: Arc<Budget>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let closed = Arc::new(AtomicBool::new(false));
        let passage = Arc::new(Passage { url: url.clone(), budget });
        let doorman = thread::Builder::new().name("git-gate".to_owned()).spawn({
            let closed = Arc::clone(&closed);
            move || {
                for client in listener.incoming() {
                    if closed.load(Ordering::Acquire) {
                        break;
                    }
                    let Ok(client) = client else { continue };
                    let passage = Arc::clone(&passage);
                    thread::spawn(move || passage.serve(&client));
                }
            }
        })?;
        Ok(Self { address, closed, doorman: Some(doorman) })
    }

    /// The gate's own address, as that of an HTTP server.
    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
        // Wakes the doorman, who then sees that the gate is closed.
        if TcpStream::connect(self.address).is_ok()
            && let Some(doorman) = self.doorman.take()
        {
            let _ = doorman.join();
        }
    }
}

impl Passage {
    fn serve(&self, mut client: &TcpStream) {
        let Ok(head) = self.read_head(client) else { return };
        let tunnel = head.starts_with(b"CONNECT ");
        if tunnel && !self.leads_home(&head) {
            self.budget.halt(Halt::Redirected);
            return;
        }
        let server = match self.connect() {
            Ok(server) => server,
            Err(error) => return self.budget.halt(Halt::Unreachable(error.to_string())),
        };
        let greeted = if tunnel {
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")
        } else {
            (&server).write_all(&self.readdress(&head))
        };
        if greeted.is_err() {
            return;
        }
        thread::scope(|scope| {
            scope.spawn(|| {
                self.copy(client, &server, |_, _| true);
                let _ = server.shutdown(Shutdown::Both);
            });
            self.copy(&server, client, |chunk, first| {
                if first && !tunnel && is_redirect(chunk) {
                    self.budget.halt(Halt::Redirected);
                }
                self.budget.receive(chunk.len())
            });
            // After a full answer the client reads on and then hangs up by itself.
            let end = if self.budget.allows(0) { Shutdown::Write } else { Shutdown::Both };
            let _ = client.shutdown(end);
        });
    }

    /// Copies until one side hangs up, time is over, or `check` says no.
    fn copy(&self, mut from: &TcpStream, mut to: &TcpStream, check: impl Fn(&[u8], bool) -> bool) {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut first = true;
        while let Ok(count) = self.read(from, &mut chunk) {
            if count == 0 || !check(&chunk[..count], first) {
                break;
            }
            first = false;
            let Some(left) = self.budget.time_left() else { break };
            if to.set_write_timeout(Some(left)).is_err() || to.write_all(&chunk[..count]).is_err() {
                break;
            }
        }
        let _ = from.flush();
    }

    /// Reads once, until the deadline at most.
    fn read(&self, mut from: &TcpStream, chunk: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.budget.time_left().ok_or(ErrorKind::TimedOut)?;
            from.set_read_timeout(Some(left))?;
            match from.read(chunk) {
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                done => return done,
            }
        }
    }

    /// Reads a request's head, and whatever of its body came with it.
    fn read_head(&self, client: &TcpStream) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        let mut chunk = [0; 4096];
        while find(&head, b"\r\n\r\n").is_none() {
            let count = self.read(client, &mut chunk)?;
            if count == 0 || head.len() > HEAD_BYTES {
                return Err(ErrorKind::InvalidData.into());
            }
            head.extend_from_slice(&chunk[..count]);
        }
        Ok(head)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
        for address in self.url.socket_addrs(|| None)? {
            let left = self.budget.time_left().ok_or(ErrorKind::TimedOut)?;
            match TcpStream::connect_timeout(&address, left) {
                Ok(server) => {
                    server.set_nodelay(true)?;
                    return Ok(server);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Tells whether a `CONNECT` asks for the host and port of the repository.
    fn leads_home(&self, head: &[u8]) -> bool {
        let target = head.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or_default();
        let home = format!("{}:{port}", self.url.host_str().unwrap_or_default());
        target.eq_ignore_ascii_case(home.as_bytes())
    }

    /// Puts the repository's host into a request that names the gate, and asks for
    /// a connection of its own, so that no second head has to be found in the stream.
    fn readdress(&self, request: &[u8]) -> Vec<u8> {
        let end = find(request, b"\r\n\r\n").unwrap_or(request.len());
        let (head, body) = request.split_at(end);
        let mut lines = head.split(|&byte| byte == b'\n');
        let mut sent = lines.next().unwrap_or_default().trim_ascii_end().to_vec();
        let authority = &self.url[url::Position::BeforeHost..url::Position::AfterPort];
        sent.extend_from_slice(format!("\r\nHost: {authority}\r\nConnection: close").as_bytes());
        for line in lines {
            let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
            if !name.eq_ignore_ascii_case(b"host") && !name.eq_ignore_ascii_case(b"connection") {
                sent.extend_from_slice(b"\r\n");
                sent.extend_from_slice(line.trim_ascii_end());
            }
        }
        sent.extend_from_slice(body);
        sent
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn is_redirect(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.") && answer.get(8..10) == Some(b" 3".as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn passage(url: &str) -> Passage {
        Passage { url: url.parse().unwrap(), budget: Budget::start(&Limits::default()) }
    }

    #[test]
    fn a_tunnel_leads_to_the_repository_and_nowhere_else() {
        let passage = passage("https://git.example.com/shop");
        assert!(passage.leads_home(b"CONNECT git.example.com:443 HTTP/1.1\r\n\r\n"));
        assert!(passage.leads_home(b"CONNECT Git.Example.COM:443 HTTP/1.1\r\n\r\n"));
        for target in ["git.example.com:22", "127.0.0.1:443", "evil.git.example.com:443", "", "git.example.com"] {
            assert!(!passage.leads_home(format!("CONNECT {target} HTTP/1.1\r\n\r\n").as_bytes()), "{target}");
        }
    }

    #[test]
    fn a_request_gets_the_host_of_the_repository() {
        let sent = passage("http://forge.lan:3000/shop").readdress(
            b"POST /shop/git-upload-pack HTTP/1.1\r\nHost: 127.0.0.1:4711\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\n0000",
        );
        assert_eq!(
            String::from_utf8(sent).unwrap(),
            "POST /shop/git-upload-pack HTTP/1.1\r\nHost: forge.lan:3000\r\nConnection: close\r\nContent-Length: 4\r\n\r\n0000",
        );
    }
}
