//! The checks find what is planted.

use kiket_core::{ItemId, RunId};
use kiket_store::{Change, Stuck, Task, WorkUpdate};

use crate::harness::{House, at, put};

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
async fn an_item_that_nothing_will_wake_is_found() {
    let house = House::build().await;
    let mut items: Vec<(ItemId, RunId)> = vec![];
    for number in 1..=4 {
        let item = house.add_item(number).await;
        items.push((item, house.start_run_for(item).await));
    }
    let [woken, forgotten, _, lost] = items[..] else { panic!("four items") };
    for (item, run) in [woken, forgotten] {
        house.commit(vec![Change::Run(house.finish_for(run, item))]).await.unwrap();
    }
    house.check().await;

    house
        .execute_raw(
            "pragma foreign_keys = off;
             delete from work where key = (select 'item/' || id || '/' || pending_run from items where number = 2);
             update items set pending_run = 'run_01jd3v7k2mfq9x8y5t4r6s0abc' where number = 4",
        )
        .await;

    assert_eq!(house.store.stuck().await.unwrap(), [Stuck::Item(forgotten.0), Stuck::Item(lost.0)]);
}

#[tokio::test]
async fn work_on_an_item_that_does_not_wait_for_its_run_is_found() {
    let house = House::build().await;
    let (waiting, resting) = (house.add_item(1).await, house.add_item(2).await);
    let (ended, awaited) = (house.start_run().await, house.start_run_for(waiting).await);
    house.commit(vec![Change::Run(house.finish(ended, 1))]).await.unwrap();
    let nobody: ItemId = "itm_01jd3v7k2mfq9x8y5t4r6s0abc".parse().unwrap();

    let orphans = [(waiting, ended), (resting, awaited), (nobody, ended)].map(|(item, run)| Task::Item { item, run });
    for task in &orphans {
        let work = vec![put(task.clone(), at(0))];
        house.commit(vec![Change::Work(WorkUpdate { held: None, work })]).await.unwrap();
    }

    let stuck = house.store.stuck().await.unwrap();
    assert_eq!(stuck.len(), 3, "{stuck:?}");
    assert!(orphans.iter().all(|task| stuck.contains(&Stuck::Work(task.key()))), "{stuck:?}");
}

#[tokio::test]
async fn a_hole_in_the_history_of_an_item_is_found() {
    let house = House::build().await;
    let item = house.add_item(1).await;
    house
        .commit(vec![Change::Item(house.advance_item(item, 1, &["item.updated", "item.transitioned"]))])
        .await
        .unwrap();
    house.execute_raw("delete from log where seq = 2").await;
    let flaws = house.store.integrity().await.unwrap();
    assert_eq!(flaws.len(), 2, "{flaws:?}");
    assert_eq!(flaws[0], format!("item {item} is at event 3 and has 2 events in the log"));
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
