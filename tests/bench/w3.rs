//! W3: 40 and 400 stages that each compute fibo(10) in JavaScript, side by side in one run.

use std::fmt::Write as _;
use std::time::Instant;

use crate::machine::{REPEATS, times};
use crate::server::Server;

const FIBO: &str = "const fibo = (n) => n < 2 ? n : fibo(n - 1) + fibo(n - 2); fibo(10)";

pub(crate) async fn measure() {
    let pipeline = |stages: usize| {
        let mut text = "stages:\n".to_owned();
        for stage in 0..stages {
            _ = writeln!(text, "  s{stage}: {{ uses: execute, with: {{ language: javascript, source: \"{FIBO}\" }} }}");
        }
        text
    };
    let server = Server::start(&[("few", &pipeline(40)), ("many", &pipeline(400))]).await;
    for (name, stages) in [("few", 40), ("many", 400)] {
        server.run(name).await;
        let mut figures = Vec::new();
        for _ in 0..REPEATS {
            let start = Instant::now();
            server.run(name).await;
            figures.push(start.elapsed());
        }
        println!("W3 {stages} × fibo(10) in JavaScript: {}", times(&figures));
    }
}
