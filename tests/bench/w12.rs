//! W12: from the start of the process to `/up`, what a server needs that does nothing, and what a run leaves on the disk.

use std::path::Path;

use crate::load::run;
use crate::machine::{REPEATS, spread, times};
use crate::server::Server;
use crate::w1;

const RUNS: usize = 1_000;

pub(crate) async fn measure() {
    let mut server = Server::start(&[("p", w1::STAGES)]).await;
    run(&server, "p", 100, 10).await;
    let (mut starts, mut resident, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..2 * REPEATS {
        starts.push(server.restart().await);
        server.settle().await;
        resident.push(server.memory("VmRSS"));
        own.push(server.memory("RssAnon"));
    }
    println!("W12 start to /up, with compiled plugins in the cache: {}", times(&starts));
    let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
    println!("W12 idle after a start: resident {}, of that its own {}", spread(&resident, mib), spread(&own, mib));

    let mut each = Vec::new();
    server.stop();
    let mut before = size(&server.data());
    for _ in 0..REPEATS {
        server.restart().await;
        run(&server, "p", RUNS, 50).await;
        server.stop();
        let now = size(&server.data());
        each.push((now - before) as f64 / RUNS as f64);
        before = now;
    }
    println!("W12 disk per run of 3 stages, over {RUNS} runs: {}", spread(&each, |bytes| format!("{bytes:.0} bytes")));
}

/// Everything below a folder, in bytes.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("the folder is there").flatten();
    entries
        .map(|entry| {
            let about = entry.metadata().expect("it is there");
            if about.is_dir() { size(&entry.path()) } else { about.len() }
        })
        .sum()
}
