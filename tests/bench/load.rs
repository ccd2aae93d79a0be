//! Runs of one pipeline, so many and so many at a time.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};

use crate::machine::{REPEATS, latencies, spread};
use crate::server::Server;

/// What several repeats of a load took.
#[derive(Default)]
pub(crate) struct Load {
    /// Runs a second, of each repeat.
    pub(crate) rates: Vec<f64>,
    /// Processor time of the server a run, in milliseconds, of each repeat.
    pub(crate) work: Vec<f64>,
    /// From the request to the news of its end, for each run of each repeat.
    pub(crate) times: Vec<Vec<Duration>>,
}

impl Load {
    /// Measures.
    pub(crate) async fn measure(server: &Server, pipeline: &str, runs: usize, in_flight: usize) -> Self {
        let mut load = Self::default();
        for _ in 0..REPEATS {
            load.measure_once(server, pipeline, runs, in_flight).await;
        }
        load
    }

    /// Measures one repeat.
    pub(crate) async fn measure_once(&mut self, server: &Server, pipeline: &str, runs: usize, in_flight: usize) {
        let (start, used) = (Instant::now(), server.processor_time());
        let times = run(server, pipeline, runs, in_flight).await;
        self.work.push((server.processor_time() - used).as_secs_f64() * 1e3 / runs as f64);
        self.rates.push(runs as f64 / start.elapsed().as_secs_f64());
        self.times.push(times);
    }

    /// Tells it.
    pub(crate) fn tell(&self) -> String {
        let rates = spread(&self.rates, |rate| format!("{rate:.0}"));
        let work = spread(&self.work, |work| format!("{work:.2}"));
        format!("{rates} runs/s, {}, {work} ms of the processor a run", latencies(&self.times))
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
