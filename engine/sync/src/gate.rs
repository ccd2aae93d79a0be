//! The one way from the Git library to the network.
//!
//! The library cannot be interrupted while it waits for a slow server, and its own
//! TLS and proxy code is the part of it that a hostile server can reach first. So
//! it is only ever given an address of ours on the loopback interface. Behind it
//! stands this gate, which passes each request on to one host, counts what comes
//! back, and hangs up at the deadline.
//!
//! A gate only listens; what happens to a request is in [`crate::passage`]. Every
//! thread of a gate ends with its request, at the deadline at the latest.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use url::Url;

use crate::budget::Budget;
use crate::passage;

pub(crate) struct Gate {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    doorman: Option<JoinHandle<()>>,
}

impl Gate {
    /// Opens a gate to the host of `home`, for as long as the value lives.
    pub(crate) fn open(home: &Url, budget: Arc<Budget>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let closed = Arc::new(AtomicBool::new(false));
        let doorman = thread::Builder::new().name("git-gate".to_owned()).spawn({
            let (closed, home) = (Arc::clone(&closed), Arc::new(home.clone()));
            move || {
                for client in listener.incoming() {
                    if closed.load(Ordering::Acquire) {
                        break;
                    }
                    let Ok(client) = client else { continue };
                    let (home, budget) = (Arc::clone(&home), Arc::clone(&budget));
                    thread::spawn(move || passage::serve(&client, &home, &budget));
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
