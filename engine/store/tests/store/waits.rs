//! Items that wait for a run: they begin to wait with it and are woken by its end.

use kiket_store::{Change, Claim, CommitError, Conflict, ItemChange, StoreError, Task, TaskKind, WorkChange};

use crate::harness::{House, claim};

#[tokio::test]
async fn the_end_of_a_run_wakes_the_item_that_waits_for_it() {
    let house = House::build().await;
    let item = house.add_item(1).await;
    let run = house.start_run_for(item).await;
    assert_eq!(house.store.item_waiting_for(run).await.unwrap(), Some(item));
    house.check().await;

    house.commit(vec![Change::Run(house.finish_for(run, item))]).await.unwrap();

    // The end of the run has taken its deadline with it, and nothing else.
    assert_eq!(house.count("work").await, 1);
    house.check().await;
    let work = house.store.claim(Claim { kinds: vec![TaskKind::Item], ..claim("w", 9) }).await.unwrap();
    assert_eq!(work.iter().map(|work| &work.task).collect::<Vec<_>>(), [&Task::Item { item, run }]);

    let moved = ItemChange {
        held: Some(work[0].held()),
        work: vec![WorkChange::Done(work[0].task.key())],
        ..house.advance_item(item, 2, &["item.transitioned"])
    };
    house.commit(vec![Change::Item(moved.clone())]).await.unwrap();
    assert_eq!(house.count("work").await, 0);
    assert_eq!(house.store.item_waiting_for(run).await.unwrap(), None);
    assert_eq!(house.refuse(vec![Change::Item(moved)]).await, Conflict::FenceLost { key: work[0].task.key() });
    house.check().await;
}

#[tokio::test]
async fn an_item_that_stops_waiting_has_no_work_left() {
    let house = House::build().await;
    let item = house.add_item(1).await;
    let run = house.start_run_for(item).await;
    house.commit(vec![Change::Run(house.finish_for(run, item))]).await.unwrap();

    // A change that goes on waiting leaves the work alone.
    let mut renamed = house.advance_item(item, 2, &["item.updated"]);
    renamed.row.pending_run = Some(run);
    house.commit(vec![Change::Item(renamed)]).await.unwrap();
    assert_eq!(house.count("work").await, 1);
    house.check().await;

    house.commit(vec![Change::Item(house.advance_item(item, 3, &["item.refused"]))]).await.unwrap();
    assert_eq!(house.count("work").await, 0);
    house.check().await;
}

#[tokio::test]
async fn an_item_and_its_run_begin_together_or_not_at_all() {
    let house = House::build().await;
    let item = house.add_item(1).await;
    let run = house.new_run();
    let mut stale = house.advance_item(item, 0, &["item.updated"]);
    stale.row.pending_run = Some(run.run);
    let id = run.run;
    house.refuse(vec![Change::Run(run), Change::Item(stale)]).await;
    assert_eq!(house.store.run(id).await.unwrap(), None);

    house.check().await;
}

#[tokio::test]
async fn a_run_is_waited_for_by_one_item() {
    let house = House::build().await;
    let item = house.add_item(1).await;
    let run = house.start_run_for(item).await;
    let mut also = house.new_item(2);
    also.row.pending_run = Some(run);
    let refused = house.commit(vec![Change::Item(also)]).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Constraint(_)))), "{refused:?}");
    assert_eq!(house.store.item_waiting_for(run).await.unwrap(), Some(item));
    house.check().await;
}
