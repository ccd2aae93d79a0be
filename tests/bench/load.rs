//! Runs of one pipeline, so many and so many at a time.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};

use crate::machine::{REPEATS, latencies, spread};
use crate::server::Server;

/// What several repeats of a load took.
pub(crate) struct Load {
    /// Runs a second, of each repeat.
    pub(crate) rates: Vec<f64>,
    /// From the request to the news of its end, for each run of each repeat.
    pub(crate) times: Vec<Vec<Duration>>,
}

impl Load {
    /// Measures.
    pub(crate) async fn measure(server: &Server, pipeline: &str, runs: usize, in_flight: usize) -> Self {
        let mut load = Self { rates: Vec::new(), times: Vec::new() };
        for _ in 0..REPEATS {
            let start = Instant::now();
            let times = run(server, pipeline, runs, in_flight).await;
            load.rates.push(runs as f64 / start.elapsed().as_secs_f64());
            load.times.push(times);
        }
        load
    }

    /// Tells it.
    pub(crate) fn tell(&self) -> String {
        let rates = spread(&self.rates, |rate| format!("{rate:.0}"));
        format!("{rates} runs/s, {}", latencies(&self.times))
    }
}

/// Makes runs; returns how long each took.
pub(crate) async fn run(server: &Server, pipeline: &str, runs: usize, in_flight: usize) -> Vec<Duration> {
    let one = async |_| {
        let start = Instant::now();
        server.run(pipeline).await;
        start.elapsed()
    };
    stream::iter(0..runs).map(one).buffer_unordered(in_flight).collect().await
}
