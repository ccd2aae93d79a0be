//! Bugs on purpose: each is caught by what has to hold. One process plants for itself, so each test has one of its own.

use kiket_core::planted::{Bug, plant};
use kiket_store::{Change, Claim, Filter, FlawKind, Position, WorkUpdate};

use crate::harness::{House, at, claim, put, stage};

/// The rules that a house breaks after a run has moved on.
async fn broken_rules(house: &House) -> Vec<FlawKind> {
    let run = house.start_run().await;
    house
        .commit(vec![Change::Run(house.advance(run, 1, &["run.started", "stage.ready"]))])
        .await
        .expect("it can be done");
    let mut look = house.store.look().await.expect("it can be done");
    let flaws = look.begin().await.expect("a snapshot").flaws().await.expect("it can be done");
    flaws.into_iter().map(|flaw| flaw.kind).collect()
}

#[tokio::test]
async fn gap_in_sequence_is_caught_by_the_rule_of_the_sequence() {
    let house = House::build().await;
    assert_eq!(broken_rules(&house).await, []);
    plant(Bug::GapInSequence);
    let broken = broken_rules(&house).await;
    assert_eq!(broken, [FlawKind::Sequence]);
}

/// Whether everything that the head names can be read at once, whenever it moves.
async fn what_is_heard_can_be_read(house: &House) -> bool {
    let (store, mut head) = (house.store.clone(), house.store.head());
    head.mark_unchanged();
    let listener = tokio::spawn(async move {
        while head.changed().await.is_ok() {
            let named = *head.borrow_and_update();
            let before = Position::new(named.get() - 1);
            if store.tail(before, &Filter::default(), 1).await.expect("it can be done").is_empty() {
                return false;
            }
        }
        true
    });
    for _ in 0..50 {
        house.start_run().await;
        if listener.is_finished() {
            break;
        }
    }
    house.store.clone().close().await;
    if !listener.is_finished() {
        listener.abort();
    }
    listener.await.unwrap_or(true)
}

#[tokio::test(flavor = "multi_thread")]
async fn heard_before_commit_is_caught_by_whoever_reads_what_was_heard() {
    assert!(what_is_heard_can_be_read(&House::build().await).await);
    plant(Bug::HeardBeforeCommit);
    assert!(!what_is_heard_can_be_read(&House::build().await).await);
}

/// Whether somebody who has lost work to another can still commit under it.
async fn the_old_holder_gets_through(house: &House) -> bool {
    let mut change = house.new_run();
    let task = stage(change.run, "build");
    change.work.push(put(task.clone(), at(0)));
    house.commit(vec![Change::Run(change)]).await.expect("it can be done");
    let old =
        house.store.claim(Claim { until: at(5), ..claim("old", 1) }).await.expect("it can be done").remove(0).held();
    let new = house.store.claim(claim("new", 10)).await.expect("it can be done").remove(0).held();
    assert!(old.key == task.key() && new.key == old.key && new.fence > old.fence);
    let late = WorkUpdate { held: Some(old), work: vec![] };
    house.commit(vec![Change::Work(late)]).await.is_ok()
}

#[tokio::test]
async fn fence_not_checked_is_caught_by_an_old_holder_who_is_refused() {
    assert!(!the_old_holder_gets_through(&House::build().await).await);
    plant(Bug::FenceNotChecked);
    assert!(the_old_holder_gets_through(&House::build().await).await);
}
