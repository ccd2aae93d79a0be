//! The checks find what is planted.

use kiket_core::RunId;
use kiket_store::{Change, Stuck, Task};

use crate::harness::House;

#[tokio::test]
async fn what_nothing_will_happen_to_is_found() {
    let house = House::build().await;
    let (open, ended) = (house.start_run().await, house.start_run().await);
    house.commit(vec![Change::Run(house.finish(ended, 1))]).await.unwrap();
    let delivery = house.delivery("7");
    let id = delivery.id;
    house.commit(vec![Change::Receive(delivery)]).await.unwrap();
    house.check().await;

    house
        .execute_raw(
            "delete from work;
             insert into work (key, kind, run, priority, due, fence)
             select 'deadline/' || id, 'deadline', id, 0, 0, 0 from runs where terminal = 1",
        )
        .await;

    let orphan = Task::Deadline { run: ended }.key();
    let stuck = house.store.stuck().await.unwrap();
    assert_eq!(stuck, [Stuck::Run(open), Stuck::Delivery(id), Stuck::Work(orphan)]);
}

#[tokio::test]
async fn a_hole_in_a_history_is_found() {
    let house = House::build().await;
    let run: RunId = house.start_run().await;
    house.commit(vec![Change::Run(house.advance(run, 1, &["run.started", "stage.ready"]))]).await.unwrap();
    house.execute_raw("delete from log where seq = 2").await;
    let flaws = house.store.integrity().await.unwrap();
    assert_eq!(flaws.len(), 2, "{flaws:?}");
    assert_eq!(flaws[0], format!("run {run} is at event 3 and has 2 events in the log"));
}

#[tokio::test]
async fn a_repeated_number_in_a_history_is_found() {
    let house = House::build().await;
    let run = house.start_run().await;
    house.commit(vec![Change::Run(house.advance(run, 1, &["run.started", "stage.ready"]))]).await.unwrap();
    house.execute_raw("update log set seq = 3 where seq = 2").await;
    assert_eq!(house.store.integrity().await.unwrap().len(), 1);
}
