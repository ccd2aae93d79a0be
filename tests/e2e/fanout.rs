//! Many who follow one run, some who do not read what they asked for, and what all of that leaves for others.

use std::time::{Duration, Instant};

use reqwest::Method;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::world::{World, parse};

const READING: usize = 2_000;
const STALLED: usize = 500;
/// How many connect at the same time.
const CROWD: usize = 100;
const PATIENCE: Duration = Duration::from_secs(90);
/// What everything else may take while all of them are served.
const OTHERS: Duration = Duration::from_millis(250);

/// What a stream begins with.
const OPENING: &[u8] = b": kiket\n\n";
/// What shows that a stream lives; it comes after long silence, so nothing else arrives with it.
const BEAT: &[u8] = b":\n\n";

/// A server and this process have a file for each connection.
fn allow_many_files() {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("up to the hard limit");
}

/// One who has asked for the events of a run and has got the opening.
struct Subscriber {
    connection: TcpStream,
    /// Of what came after the opening.
    digest: Sha256,
    bytes: usize,
}

impl Subscriber {
    /// Connects. HTTP/1.0 has no framing: what comes is the stream itself, and the end is the connection's.
    async fn connect(address: &str, token: &str, run: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        let mut connection = socket.connect(address.parse().expect("an address")).await.expect("the server listens");
        let request = format!(
            "GET /api/v1/runs/{run}/events HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.expect("it is sent");
        let mut head = Vec::new();
        let after = loop {
            connection.read_buf(&mut head).await.expect("the server answers");
            let opening = head.windows(OPENING.len()).position(|window| window == OPENING);
            if let Some(at) = opening {
                break at + OPENING.len();
            }
        };
        assert!(head.starts_with(b"HTTP/1.0 200 OK\r\n"), "{}", String::from_utf8_lossy(&head));
        Self { connection, digest: Sha256::new_with_prefix(&head[after..]), bytes: head.len() - after }
    }

    /// Reads to the end; returns what stands for everything that came, and how much it was.
    async fn read(mut self) -> (Vec<u8>, usize) {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            match self.connection.read(&mut chunk).await.expect("the stream goes on") {
                0 => return (self.digest.finalize().to_vec(), self.bytes),
                read if &chunk[..read] == BEAT => {}
                read => {
                    self.digest.update(&chunk[..read]);
                    self.bytes += read;
                }
            }
        }
    }
}

async fn connect_all(count: usize, world: &World, run: &str) -> Vec<Subscriber> {
    let address = world.base().trim_start_matches("http://");
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let crowd = (0..CROWD.min(count - all.len())).map(|_| Subscriber::connect(address, world.token(), run));
        all.extend(timeout(PATIENCE, futures::future::join_all(crowd)).await.expect("the server takes them"));
    }
    all
}

/// Memory of the server that is its own, in KiB.
fn memory(world: &World) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.process())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("Linux tells");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Calls others of the server, one after the other, until told to end; returns how long each took.
async fn call_others(world: &World, run: &str, mut ended: impl FnMut() -> bool) -> Vec<Duration> {
    let mut times = Vec::new();
    while !ended() {
        for path in ["/up", "/runs", "/project", "/start"] {
            let start = Instant::now();
            let request = match path {
                "/up" => world.bare(Method::GET, path),
                "/runs" => world.get(&format!("/runs/{run}")),
                "/project" => world.get("/projects/shop"),
                _ => world.post("/projects/shop/pipelines/other/runs").json(&json!({})),
            };
            let answer = request.send().await.expect("the server answers");
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            times.push(start.elapsed());
        }
    }
    times.sort();
    times
}

/// What stands for a history: the blocks as they are on the wire.
async fn history(world: &World, run: &str) -> (Vec<u8>, String) {
    let text = world.get(&format!("/runs/{run}/events")).send().await.expect("an answer").text().await.expect("text");
    let text = text.split_once(": kiket\n\n").expect("an opening").1.to_owned();
    (Sha256::digest(&text).to_vec(), text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_follow_one_run_to_the_last_byte_and_leave_room_for_others() {
    allow_many_files();
    let world = World::start().await;
    world.add_project().await;
    let other = "model_version: \"1.0\"\npipeline: { id: other }\nstages: { a: { uses: ./tools/probe.wasm/noop } }\n";
    world.push(&[(".kiket/pipelines/other.yaml", other)]);
    let mut stages = "stages:\n  ask: { approval: {} }\n".to_owned();
    let text = "x".repeat(60);
    for stage in 0..10 {
        let needs = if stage == 0 { "ask".to_owned() } else { format!("s{}", stage - 1) };
        let with = format!("with: {{ lines: 30, text: {text} }}");
        stages += &format!("  s{stage}: {{ uses: ./tools/probe.wasm/count, needs: [{needs}], {with} }}\n");
    }
    let run = world.run_pipeline(&stages).await;
    world.finish(&world.trigger("other").await).await;

    let before = memory(&world);
    let stalled = connect_all(STALLED, &world, &run).await;
    let reading = connect_all(READING, &world, &run).await;
    let connected = memory(&world);
    world.ok(world.post(&format!("/runs/{run}/stages/ask/approve")).json(&json!({}))).await;
    let mut readers = JoinSet::new();
    reading.into_iter().for_each(|subscriber| drop(readers.spawn(subscriber.read())));
    let start = Instant::now();
    let all = tokio::spawn(async move { timeout(PATIENCE, readers.join_all()).await.expect("the run ends") });
    let times = call_others(&world, &run, || all.is_finished()).await;
    let took = start.elapsed();
    let seen = all.await.expect("nobody panicked");

    let after = memory(&world);
    let (digest, text) = history(&world, &run).await;
    let frames = parse(&text);
    let seqs: Vec<i64> = frames.iter().filter_map(|frame| frame.data["seq"].as_i64()).collect();
    assert_eq!(seqs, (1..=seqs.len() as i64).collect::<Vec<_>>());
    assert_eq!(frames.last().expect("frames").kind, "end");
    let wrong = seen.iter().filter(|(other, bytes)| (other, *bytes) != (&digest, text.len())).count();
    assert_eq!(wrong, 0, "of {READING} who read, so many got something else than the {} bytes", text.len());
    // Who stalled for a while is late and misses nothing.
    for subscriber in stalled {
        assert_eq!(
            timeout(PATIENCE, subscriber.read()).await.expect("it comes to its end"),
            (digest.clone(), text.len())
        );
    }

    let percentile = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    let each = |more: u64| more.saturating_sub(before) as f64 / (READING + STALLED) as f64;
    println!(
        "{READING} readers and {STALLED} who stalled: {} events of {} bytes each in {took:.2?}; {} other calls, p50 {:.2?}, p99 {:.2?}",
        frames.len(),
        text.len(),
        times.len(),
        percentile(50),
        percentile(99)
    );
    println!("memory a subscriber: {:.1} KiB when connected, {:.1} KiB at the end", each(connected), each(after));
    assert!(percentile(99) < OTHERS, "p99 of other calls: {:?}", percentile(99));
    world.end().await;
}

#[tokio::test]
async fn who_falls_behind_what_is_shared_reads_on_from_the_store() {
    let world = World::start().await;
    world.add_project().await;
    // More than the server keeps for all: 16 times 10,000 lines.
    let mut stages = "stages:\n  ask: { approval: {} }\n".to_owned();
    for stage in 0..16 {
        stages += &format!(
            "  s{stage}: {{ uses: ./tools/probe.wasm/count, needs: [ask], with: {{ lines: 10000, text: {} }} }}\n",
            "y".repeat(40)
        );
    }
    let run = world.run_pipeline(&stages).await;
    let mut late = connect_all(2, &world, &run).await;
    let reading = tokio::spawn(late.pop().expect("two").read());
    world.ok(world.post(&format!("/runs/{run}/stages/ask/approve")).json(&json!({}))).await;
    let read = timeout(PATIENCE, reading).await.expect("the run ends").expect("it does not panic");
    let (digest, text) = history(&world, &run).await;
    assert!(text.len() > 9 * 1024 * 1024, "{} bytes", text.len());
    assert_eq!(read, (digest, text.len()));
    let stalled = late.pop().expect("one is left");
    assert_eq!(timeout(PATIENCE, stalled.read()).await.expect("it comes to its end"), read);
    world.end().await;
}
