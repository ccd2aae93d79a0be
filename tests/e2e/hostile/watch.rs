//! What is watched while hostile components run: whether the server answers, how large it is, who is called.

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::world::World;

/// What a process has in memory, in bytes.
pub(super) fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// A server that takes connections and never answers, or one that nobody should reach.
pub(super) struct Silent(TcpListener);

impl Silent {
    pub(super) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        listener.set_nonblocking(true).expect("nonblocking");
        Self(listener)
    }

    pub(super) fn port(&self) -> u16 {
        self.0.local_addr().expect("an address").port()
    }

    /// How many have called.
    pub(super) fn connections(&self) -> usize {
        std::iter::from_fn(|| self.0.accept().ok()).count()
    }
}

/// Asks the server again and again whether it is up.
pub(super) struct Watch {
    task: JoinHandle<()>,
    slowest: Arc<AtomicU64>,
    asked: Arc<AtomicUsize>,
}

impl Watch {
    pub(super) fn begin(world: &World) -> Self {
        let (slowest, asked) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(0)));
        let url = format!("{}/up", world.base());
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let task = tokio::spawn({
            let (slowest, asked) = (Arc::clone(&slowest), Arc::clone(&asked));
            async move {
                let mut ticks = interval(Duration::from_millis(50));
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    let start = Instant::now();
                    let answer = http.get(&url).timeout(Duration::from_secs(5)).send().await;
                    assert!(answer.is_ok_and(|answer| answer.status().is_success()), "the server is not up");
                    slowest.fetch_max(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX), SeqCst);
                    asked.fetch_add(1, SeqCst);
                }
            }
        });
        Self { task, slowest, asked }
    }

    /// Returns the longest time an answer took, and how many there were.
    pub(super) async fn end(self) -> (Duration, usize) {
        self.task.abort();
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()), "the server was up all the time");
        (Duration::from_millis(self.slowest.load(SeqCst)), self.asked.load(SeqCst))
    }
}
