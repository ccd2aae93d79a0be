//! W9: a run is asked for over REST and followed: 202, the first event, the end.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::machine::{REPEATS, latencies};
use crate::server::Server;
use crate::w1;

const RUNS: usize = 200;

pub(crate) async fn measure() {
    let one = "stages: { a: { uses: ./tools/probe.wasm/noop } }\n";
    let server = Server::start(&[("one", one), ("three", w1::STAGES)]).await;
    for (pipeline, what) in [("one", "one stage"), ("three", "three stages")] {
        for _ in 0..50 {
            follow(&server, pipeline).await;
        }
        let mut repeats = [(); 3].map(|()| Vec::new());
        for _ in 0..REPEATS {
            let mut repeat = [(); 3].map(|()| Vec::with_capacity(RUNS));
            for _ in 0..RUNS {
                let figures = follow(&server, pipeline).await;
                repeat.iter_mut().zip(figures).for_each(|(times, time)| times.push(time));
            }
            repeats.iter_mut().zip(repeat).for_each(|(all, repeat)| all.push(repeat));
        }
        for (until, repeats) in ["202", "first event", "end"].iter().zip(&repeats) {
            println!("W9 {what}, REST to {until}: {}", latencies(repeats));
        }
    }
}

/// One run; how long it took to the answer, to its first event and to its end.
async fn follow(server: &Server, pipeline: &str) -> [Duration; 3] {
    let start = Instant::now();
    let run = server.post(&format!("/projects/shop/pipelines/{pipeline}/runs"), json!({})).await;
    let answered = start.elapsed();
    let path = format!("/runs/{}/events", run["id"].as_str().expect("a run has an id"));
    let mut stream = server.request(Method::GET, &path).send().await.expect("the server answers");
    let (mut first, mut text) = (None, Vec::new());
    while let Some(chunk) = stream.chunk().await.expect("the stream goes on") {
        text.extend_from_slice(&chunk);
        if first.is_none() && text.windows(4).any(|window| window == b"\nid:") {
            first = Some(start.elapsed());
        }
        if text.ends_with(b"event: end\ndata: {}\n\n") {
            break;
        }
    }
    [answered, first.expect("it has events"), start.elapsed()]
}
