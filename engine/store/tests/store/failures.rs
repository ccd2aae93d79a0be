//! Failures: what the database answers when it cannot write, provoked by triggers planted in the file.

use kiket_store::{Change, CommitError, Filter, Position, StoreError};

use crate::harness::{House, new_project};

/// A commit that fails when everything was already accepted.
const FAILING_COMMIT: &str = "
    create table trap (id bigint references trap_target (id) deferrable initially deferred);
    create table trap_target (id bigint primary key);
    create trigger spring after insert on projects when new.name = 'trap' begin insert into trap values (1); end";

/// A statement that makes the database throw away the whole transaction, as running out of space does.
const LOST_TRANSACTION: &str = "
    create trigger spring before insert on projects when new.name = 'trap'
    begin select raise(rollback, 'gone'); end";

#[tokio::test]
async fn a_failed_commit_is_told_to_everyone_and_stops_the_store() {
    let house = House::build().await;
    house.execute_raw(FAILING_COMMIT).await;
    let head = *house.store.head().borrow();
    let (innocent, culprit) = tokio::join!(
        house.commit(vec![Change::Run(house.new_run())]),
        house.commit(vec![Change::Project(new_project("trap"))]),
    );
    for result in [innocent, culprit, house.commit(vec![]).await] {
        assert!(matches!(result, Err(CommitError::Store(StoreError::Failed(_)))), "{result:?}");
    }
    let read = house.store.tail(Position::ZERO, &Filter::default(), 1).await;
    assert!(matches!(read, Err(StoreError::Failed(_))), "{read:?}");
    assert_eq!(*house.store.head().borrow(), head);

    let house = house.restart().await;
    assert_eq!(house.count("runs").await, 0);
    house.start_run().await;
    house.check().await;
}

#[tokio::test]
async fn a_lost_transaction_acknowledges_nothing_and_is_over() {
    let house = House::build().await;
    house.execute_raw(LOST_TRANSACTION).await;
    let (before, culprit, after) = tokio::join!(
        house.commit(vec![Change::Run(house.new_run())]),
        house.commit(vec![Change::Project(new_project("trap"))]),
        house.commit(vec![Change::Run(house.new_run())]),
    );
    for result in [before, culprit, after] {
        assert!(matches!(result, Err(CommitError::Store(_))), "{result:?}");
    }
    assert_eq!(house.count("runs").await, 0);

    house.start_run().await;
    house.check().await;
}
