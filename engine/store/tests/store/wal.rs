//! The write-ahead log has an end, whoever reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kiket_store::{Change, NewEvent, Records};
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::Notify;

use crate::harness::{House, at};

/// Reads again and again. Each time it lets the other one end only once it has begun itself: so somebody always reads,
/// and SQLite by itself never finds the moment to begin the log anew.
async fn relay(mut raw: SqliteConnection, own: Arc<Notify>, other: Arc<Notify>, done: Arc<AtomicBool>) {
    while !done.load(Ordering::Relaxed) {
        let mut snapshot = raw.begin().await.expect("a snapshot");
        let _: i64 =
            sqlx::query_scalar("select position from counter").fetch_one(&mut *snapshot).await.expect("a read");
        other.notify_one();
        own.notified().await;
        snapshot.commit().await.expect("the end of it");
    }
    other.notify_one();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_write_ahead_log_stays_bounded_although_somebody_always_reads() {
    let house = House::build().await;
    let run = house.start_run().await;
    let (done, one, other) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let readers = [(Arc::clone(&one), Arc::clone(&other)), (other, one)];
    let mut relays = Vec::new();
    for (own, other) in readers {
        relays.push(tokio::spawn(relay(house.raw().await, own, other, Arc::clone(&done))));
    }
    let log = house.path().with_file_name("kiket.db-wal");
    let line = format!("{{\"text\":\"{}\"}}", "x".repeat(64 * 1024));
    let mut largest = 0;
    for _ in 0..400 {
        let record = NewEvent { kind: "stage.log".into(), stage: None, data: line.clone() };
        let records = Records { run, project: house.project, held: None, at: at(1), records: vec![record; 6] };
        house.commit(vec![Change::Records(records)]).await.unwrap();
        largest = largest.max(std::fs::metadata(&log).expect("the log is there").len());
    }
    done.store(true, Ordering::Relaxed);
    for relay in relays {
        relay.await.unwrap();
    }
    // 150 MiB were written; beyond the bound there is what 64 commits write, and once more where a reader is in the way.
    assert!(largest < 128 * 1024 * 1024, "the log had {largest} bytes");
    house.check().await;
}
