//! Opening and closing: one process, a known schema, everything found again.

use std::path::Path;

use kiket_store::{Change, Filter, Position, Store, StoreError};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};

use crate::harness::House;

#[tokio::test]
async fn reopening_finds_everything() {
    let house = House::build().await;
    let run = house.start_run().await;
    let (history, row) = (house.history().await, house.store.run(run).await.unwrap());
    let head = *house.store.head().borrow();

    let house = house.restart().await;

    assert_eq!(house.history().await, history);
    assert_eq!(house.store.run(run).await.unwrap(), row);
    assert_eq!(*house.store.head().borrow(), head);
    let next = house.commit(vec![Change::Run(house.advance(run, 1, &["run.started"]))]).await.unwrap();
    assert_eq!(next.get(), head.get() + 1);
    house.check().await;
}

#[tokio::test]
async fn a_second_opening_is_refused_also_through_a_link() {
    let house = House::build().await;
    let link = house.path().with_file_name("link.db");
    std::os::unix::fs::symlink(house.path(), &link).unwrap();
    for path in [house.path(), link] {
        let refused = Store::open(&path).await.err();
        assert!(matches!(&refused, Some(StoreError::Locked { path: locked }) if *locked == path), "{refused:?}");
    }
    house.start_run().await;
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let house = House::build().await;
    house
        .execute_raw(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             values (9000, 'from the future', 1, x'00', 0)",
        )
        .await;
    house.store.clone().close().await;
    let refused = Store::open(&house.path()).await.err();
    assert!(matches!(refused, Some(StoreError::NewerSchema { found: 9000, .. })), "{refused:?}");
}

/// A power cut can bring back the journal of the very first write.
#[tokio::test]
async fn a_database_that_was_cut_off_while_it_was_made_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (cut, left) = (folder.path().join("cut.db"), folder.path().join("kiket.db"));
    let options = SqliteConnectOptions::new().filename(&cut).create_if_missing(true).pragma("cache_size", "1");
    let mut raw = options.journal_mode(SqliteJournalMode::Delete).connect().await.unwrap();
    // More than the cache holds: what is not committed is written, and the journal says how to undo it.
    let write = "begin; create table half (x); insert into half values (randomblob(400000))";
    sqlx::raw_sql(write).execute(&mut raw).await.unwrap();
    for suffix in ["", "-journal"] {
        let beside = |path: &Path| format!("{}{suffix}", path.display());
        assert!(std::fs::copy(beside(&cut), beside(&left)).unwrap() > 0);
    }

    // And there was a write-ahead log by then, of which nothing is left but room.
    std::fs::write(format!("{}-wal", left.display()), [0; 32]).unwrap();

    let store = Store::open(&left).await.unwrap();
    assert!(store.projects().await.unwrap().is_empty());
    store.close().await;
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named() {
    let house = House::build().await;
    let path = house.path().with_file_name("nowhere").join("kiket.db");
    let refused = Store::open(&path).await.err();
    assert!(matches!(&refused, Some(StoreError::Open { path: named, .. }) if path.starts_with(named)), "{refused:?}");
}

#[tokio::test]
async fn the_database_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let house = House::build().await;
    house.start_run().await;
    for suffix in ["", "-wal"] {
        let file = format!("{}{suffix}", house.path().display());
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn closing_finishes_what_was_asked_and_refuses_the_rest() {
    let house = House::build().await;
    let other = house.store.clone();
    let change = house.new_run();
    let run = change.run;
    let (committed, ()) = tokio::join!(house.commit(vec![Change::Run(change)]), other.close());
    committed.unwrap();

    let late = house.commit(vec![Change::Run(house.new_run())]).await;
    assert!(matches!(late, Err(kiket_store::CommitError::Store(StoreError::Closed))), "{late:?}");
    let read = house.store.tail(Position::ZERO, &Filter::default(), 1).await;
    assert!(matches!(read, Err(StoreError::Closed)), "{read:?}");
    let house = house.restart().await;
    assert!(house.store.run(run).await.unwrap().is_some());
}
