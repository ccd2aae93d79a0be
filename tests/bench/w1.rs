//! W1: three sequential trivial stages, one run at a time and 1,000 runs at 50 in flight; and the same on a server with a
//! history.
//!
//! A server without a history and one with it are measured in turns: such a machine drifts by more within minutes than
//! a history could cost. What a history costs is told as the ratio within each turn.

use crate::load::{Load, run};
use crate::machine::{REPEATS, parameter, spread};
use crate::server::Server;

pub(crate) const STAGES: &str = "stages:
  a: { uses: ./tools/probe.wasm/noop }
  b: { uses: ./tools/probe.wasm/noop, needs: [a] }
  c: { uses: ./tools/probe.wasm/noop, needs: [b] }
";

/// How many runs, and how many of them at a time.
const SIZES: [(usize, usize); 2] = [(200, 1), (1_000, 50)];

/// Measures. `KIKET_BENCH_HISTORY` is the length of the history, in runs; 0 leaves that part out.
pub(crate) async fn measure() {
    let history = parameter("KIKET_BENCH_HISTORY", 20_000);
    let old = if history > 0 { Some(with_runs(history).await) } else { None };
    let (mut without, mut with) = (SIZES.map(|_| Load::default()), SIZES.map(|_| Load::default()));
    for turn in 0..REPEATS {
        let young = with_runs(100).await;
        for (of, (runs, in_flight)) in SIZES.into_iter().enumerate() {
            let mut both = vec![(&young, &mut without[of])];
            both.extend(old.as_ref().map(|old| (old, &mut with[of])));
            // Who is first changes, should that matter.
            if turn % 2 == 1 {
                both.reverse();
            }
            for (server, load) in both {
                run(server, "p", 100, 50).await;
                load.measure_once(server, "p", runs, in_flight).await;
            }
        }
    }
    for (of, (runs, in_flight)) in SIZES.into_iter().enumerate() {
        println!("W1 {runs} runs at {in_flight} in flight: {}", without[of].tell());
        if history > 0 {
            println!("W1 {runs} runs at {in_flight} in flight, after {history} more: {}", with[of].tell());
            let rates = ratios(&with[of].rates, &without[of].rates);
            let work = ratios(&with[of].work, &without[of].work);
            println!("W1 … with that history to without: {rates} of the runs/s, {work} of the processor");
        }
    }
}

fn ratios(with: &[f64], without: &[f64]) -> String {
    let ratios: Vec<f64> = with.iter().zip(without).map(|(with, without)| with / without).collect();
    spread(&ratios, |ratio| format!("{ratio:.2}"))
}

/// A server that has made so many runs.
async fn with_runs(runs: usize) -> Server {
    let server = Server::start(&[("p", STAGES)]).await;
    run(&server, "p", runs, 50).await;
    server.settle().await;
    server
}
