//! W8: many follow a project in which ten things a second happen. Every one of them gets every event.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use reqwest::Method;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::machine::{REPEATS, latencies, parameter};
use crate::server::Server;

/// Events of one repeat: ten seconds.
const EVENTS: usize = 100;
const PERIOD: Duration = Duration::from_millis(100);

/// When each event was asked for, in microseconds after the start.
struct Asked {
    start: Instant,
    at: Vec<AtomicU64>,
}

/// Measures. `KIKET_BENCH_SUBSCRIBERS` says how many follow.
///
/// A time is that from the request which changes something, so it holds the commit as well, to a subscriber that has
/// the whole event. All of them share the machine with the server.
pub(crate) async fn measure() {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("up to the hard limit");
    let count = parameter("KIKET_BENCH_SUBSCRIBERS", 2_000);
    let server = Server::start(&[("p", "stages: { a: { uses: ./tools/probe.wasm/noop } }\n")]).await;
    let before = server.memory("RssAnon");
    let events = EVENTS * (REPEATS + 1);
    let asked = Asked { start: Instant::now(), at: (0..events).map(|_| AtomicU64::new(0)).collect() };
    let asked = Arc::new(asked);
    let mut subscribers = JoinSet::new();
    let mut connected = 0;
    while connected < count {
        // One after the other, a hundred at a time: a listener has a queue of some length.
        let crowd = (connected..count.min(connected + 100)).map(|_| connect(&server));
        for stream in futures::future::join_all(crowd).await {
            subscribers.spawn(read(stream, Arc::clone(&asked)));
            connected += 1;
        }
    }
    server.settle().await;
    let each = server.memory("RssAnon").saturating_sub(before) as f64 / count as f64;

    let mut tick = interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for (event, at) in asked.at.iter().enumerate() {
        tick.tick().await;
        at.store(u64::try_from(asked.start.elapsed().as_micros()).unwrap_or(u64::MAX), Relaxed);
        let path = format!("/projects/shop/env/V{}", event % 10);
        let set = server.request(Method::PUT, &path).json(&json!({ "value": event.to_string() }));
        assert!(set.send().await.expect("the server answers").status().is_success());
    }
    let seen = subscribers.join_all().await;
    let loaded = server.memory("RssAnon").saturating_sub(before) as f64 / count as f64;
    // The first repeat is the warm-up.
    let repeats: Vec<Vec<Duration>> = (1..=REPEATS)
        .map(|repeat| {
            let of_one = |times: &Vec<u32>| times[repeat * EVENTS..(repeat + 1) * EVENTS].to_vec();
            seen.iter().flat_map(of_one).map(|micros| Duration::from_micros(micros.into())).collect()
        })
        .collect();
    println!(
        "W8 {count} subscribers, {EVENTS} events in 10 s: {}; {each:.1} KiB a subscriber when connected, {loaded:.1} KiB at the \
         end; every one of them has all {events} events",
        latencies(&repeats)
    );
}

/// Subscribes. HTTP/1.0 has no framing: what comes after the head is the stream itself.
async fn connect(server: &Server) -> TcpStream {
    let address = server.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let head = format!(
        "GET /api/v1/projects/shop/events?kinds=env.* HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\r\n",
        server.token
    );
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    let mut text = Vec::new();
    while !text.ends_with(b": kiket\n\n") {
        stream.read_buf(&mut text).await.expect("the server answers");
    }
    assert!(text.starts_with(b"HTTP/1.0 200 OK"), "{}", String::from_utf8_lossy(&text));
    stream
}

/// Reads all events; returns how long each took, in microseconds.
async fn read(mut stream: TcpStream, asked: Arc<Asked>) -> Vec<u32> {
    let mut times = Vec::with_capacity(asked.at.len());
    let mut text = Vec::with_capacity(1024);
    let mut last = 0;
    while times.len() < asked.at.len() {
        assert_ne!(stream.read_buf(&mut text).await.expect("the stream goes on"), 0, "it does not end");
        while let Some(end) = text.windows(2).position(|window| window == b"\n\n") {
            let block: Vec<u8> = text.drain(..end + 2).collect();
            let Some(id) = block.strip_prefix(b"id: ") else { continue };
            let id =
                id.iter().take_while(|byte| byte.is_ascii_digit()).fold(0, |id, byte| id * 10 + u64::from(byte - b'0'));
            assert!(id > last, "{id} after {last}");
            last = id;
            let now = u64::try_from(asked.start.elapsed().as_micros()).unwrap_or(u64::MAX);
            let took = now - asked.at[times.len()].load(Relaxed);
            times.push(u32::try_from(took).unwrap_or(u32::MAX));
        }
    }
    times
}
