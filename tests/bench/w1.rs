//! W1: three sequential trivial stages, one run at a time and 1,000 runs at 50 in flight.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};

use crate::machine::percentile;
use crate::server::Server;

const STAGES: &str = "stages:
  a: { uses: ./tools/probe.wasm/noop }
  b: { uses: ./tools/probe.wasm/noop, needs: [a] }
  c: { uses: ./tools/probe.wasm/noop, needs: [b] }
";
const REPEATS: usize = 5;

pub(crate) async fn run() {
    let server = Arc::new(Server::start(STAGES).await);
    measure(&server, 100, 10).await;

    for (runs, in_flight) in [(200, 1), (1_000, 50)] {
        let mut rates = Vec::new();
        let mut all = Vec::new();
        for _ in 0..REPEATS {
            let start = Instant::now();
            let times = measure(&server, runs, in_flight).await;
            rates.push(runs as f64 / start.elapsed().as_secs_f64());
            all.extend(times);
        }
        rates.sort_by(f64::total_cmp);
        all.sort();
        println!(
            "W1 {runs} runs at {in_flight} in flight: {:.0} runs/s ({:.0}..{:.0} over {REPEATS} repeats), p50 {:.2?}, p99 {:.2?}",
            rates[REPEATS / 2],
            rates[0],
            rates[REPEATS - 1],
            percentile(&all, 50),
            percentile(&all, 99),
        );
    }
}

async fn measure(server: &Arc<Server>, runs: usize, in_flight: usize) -> Vec<Duration> {
    let one = |_| {
        let server = Arc::clone(server);
        async move {
            let start = Instant::now();
            server.run().await;
            start.elapsed()
        }
    };
    stream::iter(0..runs).map(one).buffer_unordered(in_flight).collect().await
}
