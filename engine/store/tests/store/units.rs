//! Units: atomic, isolated from each other, in one order.

use std::collections::BTreeSet;

use kiket_store::{Change, CommitError, Conflict, NewRevision, Position, RevisionStatus, Seq, StoreError, Stream};

use crate::harness::{House, event, new_project, new_revision, put, stage};

#[tokio::test]
async fn a_unit_applies_whole_or_not_at_all() {
    let house = House::build().await;
    let run = house.start_run().await;
    let before = house.history().await;

    let other = house.new_run();
    let stale = house.advance(run, 5, &["run.started"]);
    let conflict = house.refuse(vec![Change::Run(other.clone()), Change::Run(stale)]).await;

    assert_eq!(conflict, Conflict::Seq { stream: Stream::Run(run), expected: Seq::new(5), actual: Seq::new(1) });
    assert_eq!(house.store.run(other.run).await.unwrap(), None);
    assert_eq!(house.history().await, before);
    house.check().await;
}

#[tokio::test]
async fn a_conflict_leaves_the_rest_of_its_group_alone() {
    let house = House::build().await;
    let run = house.start_run().await;
    let head = *house.store.head().borrow();

    // All are sent before the writer gets to run, so they are one group.
    let (first, stale, wrong, second) = tokio::join!(
        house.commit(vec![Change::Run(house.advance(run, 1, &["run.started"]))]),
        house.commit(vec![Change::Run(house.new_run()), Change::Run(house.advance(run, 1, &["run.started"]))]),
        house.commit(vec![Change::Run(kiket_store::RunChange { status: "dancing".into(), ..house.new_run() })]),
        house.commit(vec![Change::Run(house.advance(run, 2, &["stage.ready", "stage.started"]))]),
    );

    assert_eq!(first.unwrap(), Position::new(head.get() + 1));
    assert!(matches!(stale, Err(CommitError::Conflict(Conflict::Seq { .. }))), "{stale:?}");
    assert!(matches!(wrong, Err(CommitError::Store(StoreError::Constraint(_)))), "{wrong:?}");
    assert_eq!(second.unwrap(), Position::new(head.get() + 3));
    assert_eq!(house.store.run(run).await.unwrap().unwrap().seq, Seq::new(4));
    house.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_of_64_committers_have_no_gap_and_no_repeat() {
    let house = House::build().await;
    let head = house.store.head().borrow().get();
    let mut committers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (store, create) = (house.store.clone(), house.new_run());
        let run = create.run;
        let steps: Vec<_> = (0..4).map(|step| house.advance(run, 1 + 2 * step, &["a.b", "c.d"])).collect();
        let stale = house.advance(run, 0, &["never"]);
        committers.spawn(async move {
            let mut seen = vec![store.commit(vec![Change::Run(create)]).await.unwrap()];
            for step in steps {
                seen.push(store.commit(vec![Change::Run(step)]).await.unwrap());
                store.commit(vec![Change::Run(stale.clone())]).await.unwrap_err();
            }
            assert!(seen.is_sorted());
            seen
        });
    }
    let seen: BTreeSet<Position> = committers.join_all().await.into_iter().flatten().collect();

    assert_eq!(seen.len(), 64 * 5);
    let positions: Vec<i64> = house.history().await.iter().map(|entry| entry.position.get()).collect();
    assert_eq!(positions, (1..=head + 64 * 9).collect::<Vec<_>>());
    house.check().await;
}

#[tokio::test]
async fn a_unit_may_touch_several_streams() {
    let house = House::build().await;
    let (first, second) = (house.new_run(), house.new_run());
    let runs = [first.run, second.run];

    let position = house.commit(vec![Change::Run(first), Change::Run(second)]).await.unwrap();

    let history = house.history().await;
    let [.., a, b] = history.as_slice() else { panic!("two entries") };
    assert_eq!([a.run, b.run], runs.map(Some));
    assert_eq!(b.position, position);
}

#[tokio::test]
async fn more_events_than_fit_one_statement_keep_their_order() {
    let house = House::build().await;
    let mut change = house.new_run();
    change.events = (0..50).map(|_| event("stage.ready")).collect();
    change.work.extend((0..50).map(|index| put(stage(change.run, &format!("s{index}")), change.at)));
    house.commit(vec![Change::Run(change)]).await.unwrap();

    let seqs: Vec<i64> = house.history().await.iter().filter_map(|entry| entry.seq).map(Seq::get).collect();
    assert_eq!(seqs, (1..=50).collect::<Vec<_>>());
    assert_eq!(house.claim("w", 0).await.len(), 50);
    house.check().await;
}

#[tokio::test]
async fn a_second_project_of_the_same_name_is_refused() {
    let house = House::build().await;
    let conflict = house.refuse(vec![Change::Project(new_project("shop"))]).await;
    assert_eq!(conflict, Conflict::DuplicateProject { name: "shop".to_owned() });
}

#[tokio::test]
async fn an_empty_unit_is_the_head() {
    let house = House::build().await;
    let head = *house.store.head().borrow();
    assert_eq!(house.commit(vec![]).await.unwrap(), head);
}

#[tokio::test]
async fn a_key_belongs_to_one_project() {
    let house = House::build().await;
    let other = new_project("other");
    house.commit(vec![Change::Project(other.clone())]).await.unwrap();
    let publish = |project, key: &str| {
        Change::Revision(NewRevision {
            key: Some(key.to_owned()),
            ..new_revision(project, RevisionStatus::Active, &[])
        })
    };
    house.commit(vec![publish(house.project, "WEB")]).await.unwrap();
    let duplicate =
        |key: &str, project: &str| Conflict::DuplicateKey { key: key.to_owned(), project: project.to_owned() };
    assert_eq!(house.refuse(vec![publish(other.id, "WEB")]).await, duplicate("WEB", "shop"));
    assert_eq!(house.refuse(vec![publish(other.id, "SHOP")]).await, duplicate("SHOP", "shop"));
    assert_eq!(house.refuse(vec![Change::Project(new_project("web"))]).await, duplicate("WEB", "shop"));
    // What is given up is free.
    house.commit(vec![publish(house.project, "SHOP"), publish(other.id, "WEB")]).await.unwrap();
    let found = house.store.project_by_key("WEB").await.unwrap().map(|project| project.name);
    assert_eq!(found.as_deref(), Some("other"));
    house.check().await;
}
