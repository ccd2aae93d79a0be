//! Work: claimed by one, lost with its lease, fenced ever after.

use std::collections::BTreeSet;

use kiket_store::{Change, Claim, Conflict, Held, Lease, Records, RunChange, Task, TaskKind, WorkChange, WorkUpdate};

use crate::harness::{FAR, House, at, claim, event, held, put, stage};

/// Starts a run with these tasks ready.
async fn start_with(house: &House, names: &[&str]) -> (kiket_core::RunId, Vec<Task>) {
    let mut change = house.new_run();
    let tasks: Vec<Task> = names.iter().map(|name| stage(change.run, name)).collect();
    change.work.extend(tasks.iter().map(|task| put(task.clone(), at(0))));
    let run = change.run;
    house.commit(vec![Change::Run(change)]).await.expect("a run");
    (run, tasks)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_claimers_never_get_the_same_row() {
    let house = House::build().await;
    let names: Vec<String> = (0..60).map(|index| format!("s{index}")).collect();
    start_with(&house, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;

    let mut claimers = tokio::task::JoinSet::new();
    for owner in ["a", "b", "c", "d"] {
        let store = house.store.clone();
        claimers.spawn(async move {
            let mut mine = vec![];
            loop {
                let work = store.claim(Claim { limit: 3, ..claim(owner, 0) }).await.unwrap();
                if work.is_empty() {
                    return mine;
                }
                mine.extend(work.into_iter().map(|work| work.task.key()));
            }
        });
    }
    let claimed: Vec<_> = claimers.join_all().await.into_iter().flatten().collect();
    assert_eq!(claimed.len(), 60);
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>().len(), 60);
}

#[tokio::test]
async fn urgent_work_goes_first_and_limits_hold() {
    let house = House::build().await;
    let mut change = house.new_run();
    for (name, priority, due) in [("late", 0, 2), ("low", 5, 0), ("early", 0, 1), ("urgent", -1, 3)] {
        let task = stage(change.run, name);
        change.work.push(WorkChange::Put { task, priority, due: at(due), lease: None });
    }
    let run = change.run;
    house.commit(vec![Change::Run(change)]).await.unwrap();

    let work = house.store.claim(Claim { limit: 3, ..claim("w", 10) }).await.unwrap();
    let tasks: Vec<Task> = work.into_iter().map(|work| work.task).collect();
    assert_eq!(tasks, ["urgent", "early", "late"].map(|name| stage(run, name)));
}

#[tokio::test]
async fn work_due_in_the_future_waits() {
    let house = House::build().await;
    let run = house.start_run().await;

    assert_eq!(house.claim("w", FAR - 1).await, []);
    assert_eq!(house.store.earliest_due(&[]).await.unwrap(), Some(at(FAR)));
    assert_eq!(house.store.earliest_due(&[TaskKind::Stage]).await.unwrap(), None);
    let work = house.claim("w", FAR).await;
    assert_eq!(work.len(), 1);
    assert_eq!((&work[0].task, work[0].fence), (&Task::Deadline { run }, 1));
    assert_eq!(house.store.earliest_due(&[]).await.unwrap(), None);
}

#[tokio::test]
async fn a_claim_takes_only_the_kinds_it_names() {
    let house = House::build().await;
    let (_, tasks) = start_with(&house, &["build"]).await;
    house.commit(vec![Change::Receive(house.delivery("7"))]).await.unwrap();

    let only = |kind| Claim { kinds: vec![kind], ..claim("w", 0) };
    let stages = house.store.claim(only(TaskKind::Stage)).await.unwrap();
    assert_eq!(stages.iter().map(|work| &work.task).collect::<Vec<_>>(), tasks.iter().collect::<Vec<_>>());
    assert_eq!(house.store.claim(only(TaskKind::Delivery)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lease_that_ended_is_claimable_under_a_higher_fence() {
    let house = House::build().await;
    let (run, tasks) = start_with(&house, &["build"]).await;
    let mine = house.claim("a", 0).await;
    assert_eq!(house.claim("b", 999).await, []);
    let theirs = house.claim("b", 1_000).await;
    assert_eq!((mine[0].fence, theirs[0].fence), (1, 2));

    let change = RunChange {
        held: Some(mine[0].held()),
        work: vec![WorkChange::Done(tasks[0].key())],
        ..house.advance(run, 1, &["stage.succeeded"])
    };
    let conflict = house.refuse(vec![Change::Run(change.clone())]).await;
    assert_eq!(conflict, Conflict::FenceLost { key: tasks[0].key() });
    let change = RunChange { held: Some(theirs[0].held()), ..change };
    house.commit(vec![Change::Run(change)]).await.unwrap();
    house.check().await;
}

#[tokio::test]
async fn a_renewed_lease_is_kept() {
    let house = House::build().await;
    let (_, tasks) = start_with(&house, &["build", "lint", "pack"]).await;
    let keys = || vec![tasks[0].key(), tasks[1].key()];
    assert_eq!(house.claim("a", 0).await.len(), 3);

    assert_eq!(house.store.renew("a", keys(), at(5_000)).await.unwrap(), 2);
    assert_eq!(house.store.renew("b", keys(), at(9_000)).await.unwrap(), 0);
    assert_eq!(house.store.renew("a", Vec::new(), at(9_000)).await.unwrap(), 0);
    // The one that was not named runs out as it was given.
    assert_eq!(house.claim("b", 4_999).await.len(), 1);
    assert_eq!(house.claim("b", 5_000).await.len(), 2);
}

#[tokio::test]
async fn settled_work_cannot_be_settled_again() {
    let house = House::build().await;
    let (run, tasks) = start_with(&house, &["build"]).await;
    let hold = house.claim("a", 0).await[0].held();
    let change = RunChange {
        held: Some(hold.clone()),
        work: vec![WorkChange::Done(tasks[0].key())],
        ..house.advance(run, 1, &["stage.succeeded"])
    };
    house.commit(vec![Change::Run(change)]).await.unwrap();

    let late = Records { run, project: house.project, held: Some(hold), at: at(1), records: vec![event("stage.log")] };
    let conflict = house.refuse(vec![Change::Records(late)]).await;
    assert_eq!(conflict, Conflict::FenceLost { key: tasks[0].key() });
}

#[tokio::test]
async fn work_handed_out_with_its_commit_is_held_at_once() {
    let house = House::build().await;
    let mut change = house.new_run();
    let task = stage(change.run, "build");
    let lease = Some(Lease { owner: "a".to_owned(), until: at(1_000) });
    change.work.push(WorkChange::Put { task: task.clone(), priority: 0, due: at(0), lease });
    let run = change.run;
    house.commit(vec![Change::Run(change)]).await.unwrap();

    assert_eq!(house.claim("b", 0).await, []);
    let next = RunChange { held: held(&task, 1), ..house.advance(run, 1, &["stage.started"]) };
    house.commit(vec![Change::Run(next)]).await.unwrap();
}

#[tokio::test]
async fn work_that_nobody_holds_proves_nothing() {
    let house = House::build().await;
    let (run, tasks) = start_with(&house, &["build"]).await;
    let change = RunChange { held: held(&tasks[0], 0), ..house.advance(run, 1, &["stage.started"]) };
    let conflict = house.refuse(vec![Change::Run(change)]).await;
    assert_eq!(conflict, Conflict::FenceLost { key: tasks[0].key() });
}

#[tokio::test]
async fn work_that_is_put_off_keeps_its_fence() {
    let house = House::build().await;
    let (_, tasks) = start_with(&house, &["build"]).await;
    let first = house.claim("a", 0).await[0].held();
    let put_off = |held: &Held| {
        let work = vec![WorkChange::Done(held.key.clone()), put(tasks[0].clone(), at(500))];
        vec![Change::Work(WorkUpdate { held: Some(held.clone()), work })]
    };
    house.commit(put_off(&first)).await.unwrap();

    assert_eq!(house.claim("b", 499).await, []);
    assert_eq!(house.claim("b", 500).await[0].fence, 2);
    assert_eq!(house.refuse(put_off(&first)).await, Conflict::FenceLost { key: first.key });
}

#[tokio::test]
async fn ending_the_work_of_a_run_spares_what_is_put_with_it() {
    let house = House::build().await;
    let (run, tasks) = start_with(&house, &["build", "lint"]).await;
    house.claim("a", 0).await;
    let undo = stage(run, "undo");
    let change = RunChange {
        status: "compensating".into(),
        work: vec![put(undo.clone(), at(0)), WorkChange::DoneForRun(run), put(tasks[1].clone(), at(0))],
        ..house.advance(run, 1, &["run.compensating"])
    };
    house.commit(vec![Change::Run(change)]).await.unwrap();

    let work: Vec<_> = house.claim("b", 0).await.into_iter().map(|work| (work.task, work.fence)).collect();
    assert_eq!(work, [(tasks[1].clone(), 2), (undo, 1)]);
}

#[tokio::test]
async fn leases_of_an_earlier_boot_are_void() {
    let house = House::build().await;
    let (_, tasks) = start_with(&house, &["build"]).await;
    assert_eq!(house.claim("a", 0).await[0].fence, 1);

    let house = house.restart().await;

    assert_eq!(house.store.renew("a", vec![tasks[0].key()], at(9_000)).await.unwrap(), 0);
    assert_eq!(house.claim("b", 1).await[0].fence, 2);
}

#[tokio::test]
async fn work_that_becomes_claimable_wakes_whoever_waits() {
    let house = House::build().await;
    let mut readied = house.store.readied();
    let waiter = tokio::spawn(async move { readied.changed().await });
    house.commit(vec![Change::Receive(house.delivery("7"))]).await.unwrap();
    waiter.await.unwrap().unwrap();
}
