//! The write-ahead log has an end, whoever reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kiket_store::{Change, Filter, NewEvent, Position, Records};

use crate::harness::{House, at};

/// Readers that follow one another so closely that there is always one keep SQLite from beginning the log anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_write_ahead_log_stays_bounded_although_somebody_always_reads() {
    let house = House::build().await;
    let run = house.start_run().await;
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, done) = (house.store.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    store.tail(Position::ZERO, &Filter::default(), 200).await.expect("a page");
                }
            })
        })
        .collect();
    let log = house.path().with_file_name("kiket.db-wal");
    let line = format!("{{\"text\":\"{}\"}}", "x".repeat(64 * 1024));
    let mut largest = 0;
    for _ in 0..1_500 {
        let record = NewEvent { kind: "stage.log".into(), stage: None, data: line.clone() };
        let records =
            Records { run, project: house.project, held: None, at: at(1), records: vec![record.clone(), record] };
        house.commit(vec![Change::Records(records)]).await.unwrap();
        largest = largest.max(std::fs::metadata(&log).expect("the log is there").len());
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    // 190 MiB were written; what is let through beyond the bound is what 64 commits write.
    assert!(largest < 96 * 1024 * 1024, "the log had {largest} bytes");
    house.check().await;
}
