//! W2: ten stages one after the other, and ten side by side between one before and one after them.

use std::fmt::Write as _;

use crate::load::{Load, run};
use crate::machine::{cores, spread};
use crate::server::Server;

pub(crate) async fn measure() {
    let mut chain = "stages:\n  s0: { uses: ./tools/probe.wasm/noop }\n".to_owned();
    for stage in 1..10 {
        _ = writeln!(chain, "  s{stage}: {{ uses: ./tools/probe.wasm/noop, needs: [s{}] }}", stage - 1);
    }
    let mut fan = "stages:\n  first: { uses: ./tools/probe.wasm/noop }\n".to_owned();
    for stage in 0..10 {
        _ = writeln!(fan, "  s{stage}: {{ uses: ./tools/probe.wasm/noop, needs: [first] }}");
    }
    fan += "  last: { uses: ./tools/probe.wasm/noop, needs: [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9] }\n";

    let server = Server::start(&[("chain", &chain), ("fan", &fan)]).await;
    for (pipeline, what, stages) in [("chain", "10 in a row", 10.0), ("fan", "1, 10 side by side, 1", 12.0)] {
        run(&server, pipeline, 50, 10).await;
        for (runs, in_flight) in [(100, 1), (400, 50)] {
            let load = Load::measure(&server, pipeline, runs, in_flight).await;
            let each: Vec<f64> = load.rates.iter().map(|rate| rate * stages / cores() as f64).collect();
            let each = spread(&each, |rate| format!("{rate:.0}"));
            println!("W2 {what}, {runs} runs at {in_flight} in flight: {each} stages/s per core, {}", load.tell());
        }
    }
}
