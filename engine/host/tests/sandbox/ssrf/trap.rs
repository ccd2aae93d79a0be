//! The trap that nobody should reach, and the resolver that leads there.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv6Addr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};

use kiket_host::Outbound;

use super::vectors::{EXACT, MORE, NAMES};

/// Listeners of one port on loopback and on an address of this machine.
pub(super) struct Trap {
    pub(super) port: u16,
    pub(super) own: IpAddr,
    pub(super) listeners: Vec<TcpListener>,
}

impl Trap {
    pub(super) fn set() -> Self {
        let first = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let port = first.local_addr().expect("an address").port();
        let own = own_address();
        let far_end = IpAddr::from([127, 255, 255, 254]);
        let more = [IpAddr::V6(Ipv6Addr::LOCALHOST), far_end, own].into_iter();
        let listeners: Vec<_> =
            [first].into_iter().chain(more.filter_map(|address| TcpListener::bind((address, port)).ok())).collect();
        listeners.iter().for_each(|listener| listener.set_nonblocking(true).expect("nonblocking"));
        Self { port, own, listeners }
    }

    pub(super) fn fill(&self, text: &str) -> String {
        let own = if self.own.is_ipv6() { format!("[{}]", self.own) } else { self.own.to_string() };
        text.replace("{port}", &self.port.to_string()).replace("{own}", &own)
    }

    /// How many connections were made since it was asked before.
    pub(super) fn connections(&self) -> usize {
        self.listeners.iter().map(|listener| std::iter::from_fn(|| listener.accept().ok()).count()).sum()
    }

    /// Takes one connection, answers its request with `{}`, closes it, and returns the head of the request.
    pub(super) fn answer(&self) -> tokio::task::JoinHandle<String> {
        let listener = self.listeners[0].try_clone().expect("a second handle");
        tokio::task::spawn_blocking(move || {
            let mut stream = loop {
                match listener.accept() {
                    Ok((stream, _)) => break stream,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            };
            stream.set_nonblocking(false).expect("blocking");
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("a request") == 1 {
                head.push(byte[0]);
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            stream.write_all(answer).expect("the client reads");
            String::from_utf8(head).expect("text")
        })
    }
}

/// The address this machine would call others from; finding it out sends nothing.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect("192.0.2.1:9").map(|()| socket));
    socket.and_then(|socket| socket.local_addr()).map_or(IpAddr::from([127, 0, 0, 2]), |address| address.ip())
}

/// A resolver that answers from the tables of the vectors, and counts.
pub(super) struct Liar {
    pub(super) outbound: Outbound,
    asked: Arc<Mutex<HashMap<String, usize>>>,
}

impl Liar {
    pub(super) fn new(own: IpAddr) -> Self {
        let asked: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let count = Arc::clone(&asked);
        let tables = NAMES.into_iter().chain(EXACT).chain(MORE);
        let answers: HashMap<&str, &[&[&str]]> = tables.collect();
        let outbound = Outbound::with_names(move |name| {
            let mut asked = count.lock().expect("counts");
            let times = asked.entry(name.to_owned()).or_default();
            *times += 1;
            let told = answers.get(name).ok_or_else(|| std::io::Error::other("no such name"))?;
            let addresses = told[(*times - 1).min(told.len() - 1)].iter();
            Ok(addresses.map(|text| text.replace("{own}", &own.to_string()).parse().expect("an address")).collect())
        });
        Self { outbound: outbound.expect("a client"), asked }
    }

    pub(super) fn times(&self, name: &str) -> usize {
        self.asked.lock().expect("counts").get(name).copied().unwrap_or(0)
    }
}
