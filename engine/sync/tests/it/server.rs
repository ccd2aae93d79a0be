//! A small HTTP server: `git http-backend` behind it, or somebody with bad manners.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use kiket_sync::RemoteUrl;

/// How the server answers.
#[derive(Clone)]
pub(crate) enum Manners {
    /// As Git does, for repositories below the folder; `/moved` points to the root.
    Git(PathBuf),
    /// With this text, whatever is asked.
    Always(&'static str),
    /// With this text, and then never again.
    Stalls(&'static str),
    /// With this text, and then with zeros for ever.
    Endless(&'static str),
}

/// A server on the loopback interface. Its thread ends with the process.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (manners, log) = (manners.clone(), Arc::clone(&log));
                thread::spawn(move || answer(&stream.unwrap(), &manners, &log));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn git(root: &Path) -> Self {
        Self::start(Manners::Git(root.to_owned()))
    }

    pub(crate) fn url(&self) -> RemoteUrl {
        format!("http://{}/shop.git", self.address).parse().unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(mut stream: &TcpStream, manners: &Manners, log: &Mutex<Vec<String>>) {
    let Some(request) = Request::read(stream) else { return };
    log.lock().unwrap().push(format!("{} {} for {}", request.method, request.target, request.header("host")));
    match manners {
        Manners::Git(root) => {
            let _ = stream.write_all(&request.run_backend(root));
        }
        Manners::Always(text) => {
            let _ = stream.write_all(text.as_bytes());
        }
        Manners::Stalls(text) => {
            let _ = stream.write_all(text.as_bytes());
            // Until the other side gives up.
            let _ = stream.read(&mut [0]);
        }
        Manners::Endless(text) => {
            let _ = stream.write_all(text.as_bytes());
            while stream.write_all(&[b'0'; 8192]).is_ok() {}
        }
    }
}

struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut request = Self { method, target, headers: Vec::new(), body: Vec::new() };
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            request.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        if request.header("transfer-encoding") == "chunked" {
            loop {
                let mut size = String::new();
                reader.read_line(&mut size).ok()?;
                let size = usize::from_str_radix(size.trim_end(), 16).ok()?;
                let mut chunk = vec![0; size + 2];
                reader.read_exact(&mut chunk).ok()?;
                request.body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    break;
                }
            }
        } else {
            request.body = vec![0; request.header("content-length").parse().unwrap_or(0)];
            reader.read_exact(&mut request.body).ok()?;
        }
        Some(request)
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|header| header.0 == name).map_or("", |header| &header.1)
    }

    fn run_backend(&self, root: &Path) -> Vec<u8> {
        if let Some(target) = self.target.strip_prefix("/moved") {
            let host = self.header("host");
            return format!(
                "HTTP/1.1 301 Moved\r\nLocation: http://{host}{target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            .into_bytes();
        }
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let mut child = Command::new("git")
            .arg("http-backend")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_PROJECT_ROOT", root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", &self.method)
            .env("PATH_INFO", path)
            .env("QUERY_STRING", query)
            .env("CONTENT_TYPE", self.header("content-type"))
            .env("CONTENT_LENGTH", self.body.len().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("git is installed");
        let _ = child.stdin.take().unwrap().write_all(&self.body);
        let answer = child.wait_with_output().unwrap().stdout;
        let status = match answer.strip_prefix(b"Status: ") {
            Some(rest) => String::from_utf8_lossy(&rest[..3]).into_owned(),
            None => "200".to_owned(),
        };
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
        let length = answer.len() - head;
        let status = format!("HTTP/1.1 {status} Answer\r\nContent-Length: {length}\r\n");
        [status.as_bytes(), &answer].concat()
    }
}
