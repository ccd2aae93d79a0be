//! Deliveries: received once, settled once.

use kiket_store::{Change, Conflict, DeliveryStatus, SettleDelivery, Settled, Task};

use crate::harness::{House, at};

#[tokio::test]
async fn a_delivery_is_received_once_with_its_work() {
    let house = House::build().await;
    let (first, again) = (house.delivery("7"), house.delivery("7"));
    let id = first.id;
    let (received, conflict) =
        tokio::join!(house.commit(vec![Change::Receive(first)]), house.refuse(vec![Change::Receive(again)]),);

    received.unwrap();
    assert_eq!(conflict, Conflict::DuplicateDelivery { id });
    let delivery = house.store.delivery(id).await.unwrap().unwrap();
    assert_eq!((delivery.status, delivery.body), (DeliveryStatus::Pending, vec![0, 159, 146, 150]));
    let work = house.claim("w", 0).await;
    assert_eq!(work.into_iter().map(|work| work.task).collect::<Vec<_>>(), [Task::Delivery { delivery: id }]);
    house.check().await;
}

#[tokio::test]
async fn a_delivery_is_settled_by_whoever_holds_its_work() {
    let house = House::build().await;
    let delivery = house.delivery("7");
    let id = delivery.id;
    house.commit(vec![Change::Receive(delivery)]).await.unwrap();
    let slow = house.claim("a", 0).await[0].held();
    let quick = house.claim("b", 2_000).await[0].held();
    let settle = |held, note: &str| {
        vec![Change::SettleDelivery(SettleDelivery {
            id,
            status: Settled::Done,
            note: note.to_owned(),
            held,
            at: at(9),
        })]
    };

    house.commit(settle(quick, "published")).await.unwrap();
    let conflict = house.refuse(settle(slow.clone(), "again")).await;

    assert_eq!(conflict, Conflict::FenceLost { key: slow.key });
    let delivery = house.store.delivery(id).await.unwrap().unwrap();
    assert_eq!((delivery.status, delivery.note.as_str()), (DeliveryStatus::Done, "published"));
    house.check().await;
}
