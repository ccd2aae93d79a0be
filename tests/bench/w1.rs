//! W1: three sequential trivial stages, one run at a time and 1,000 runs at 50 in flight; and again with a history.

use crate::load::{Load, run};
use crate::machine::parameter;
use crate::server::Server;

pub(crate) const STAGES: &str = "stages:
  a: { uses: ./tools/probe.wasm/noop }
  b: { uses: ./tools/probe.wasm/noop, needs: [a] }
  c: { uses: ./tools/probe.wasm/noop, needs: [b] }
";

/// Measures. `KIKET_BENCH_HISTORY` is the length of the history, in runs; 0 leaves that part out.
pub(crate) async fn measure() {
    let server = Server::start(&[("p", STAGES)]).await;
    run(&server, "p", 100, 10).await;
    both(&server, "").await;
    let history = parameter("KIKET_BENCH_HISTORY", 20_000);
    if history > 0 {
        run(&server, "p", history, 50).await;
        server.settle().await;
        both(&server, &format!(", after {history} more")).await;
    }
}

async fn both(server: &Server, after: &str) {
    for (runs, in_flight) in [(200, 1), (1_000, 50)] {
        let load = Load::measure(server, "p", runs, in_flight).await;
        println!("W1 {runs} runs at {in_flight} in flight{after}: {}", load.tell());
    }
}
