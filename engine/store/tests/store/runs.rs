//! Runs: started once per cause, moved on by compare-and-set, never changed after their end.

use kiket_store::{Change, Conflict, RunFilter, RunHead, RunRow, Seq, Stream, Write};

use crate::harness::{House, at, new_run_id, put, stage};

fn with_trigger_key(mut change: kiket_store::RunChange, key: &str) -> kiket_store::RunChange {
    if let Write::Create(head) = &mut change.write {
        head.trigger_key = Some(key.to_owned());
    }
    change
}

#[tokio::test]
async fn a_run_is_read_as_it_was_written() {
    let house = House::build().await;
    let mut change = house.new_run();
    let head = RunHead {
        pipeline: "deploy".to_owned(),
        revision: house.revision,
        commit: Some("c0ffee".to_owned()),
        reference: Some("refs/heads/main".to_owned()),
        trigger: r#"{"kind":"push"}"#.to_owned(),
        trigger_key: Some("push/1".to_owned()),
        request: Some("a".repeat(64)),
    };
    change.write = Write::Create(head.clone());
    change.state = r#"{"stages":[]}"#.to_owned();
    let run = change.run;
    house.commit(vec![Change::Run(change)]).await.unwrap();

    let mut next = house.advance(run, 1, &["run.started", "stage.ready"]);
    next.started_at = Some(at(5));
    next.state = r#"{"stages":["build"]}"#.to_owned();
    house.commit(vec![Change::Run(next)]).await.unwrap();

    let expected = RunRow {
        id: run,
        project: house.project,
        pipeline: head.pipeline,
        revision: head.revision,
        commit: head.commit,
        reference: head.reference,
        trigger: head.trigger,
        trigger_key: head.trigger_key,
        request: head.request,
        status: "running".to_owned(),
        terminal: false,
        seq: Seq::new(3),
        state: r#"{"stages":["build"]}"#.to_owned(),
        created_at: at(0),
        started_at: Some(at(5)),
        finished_at: None,
    };
    assert_eq!(house.store.run(run).await.unwrap(), Some(expected));
    assert_eq!(house.store.run_of_cause(house.project, "push/1").await.unwrap(), Some(run));
    assert_eq!(house.store.run_of_cause(house.project, "push/2").await.unwrap(), None);
}

#[tokio::test]
async fn one_trigger_key_starts_one_run() {
    let house = House::build().await;
    let changes = [(); 3].map(|()| with_trigger_key(house.new_run(), "delivery/7"));
    let first = changes[0].run;

    let [a, b, c] = changes;
    let (a, b, c) = tokio::join!(
        house.commit(vec![Change::Run(a)]),
        house.refuse(vec![Change::Run(b)]),
        house.refuse(vec![Change::Run(c)]),
    );

    a.unwrap();
    assert_eq!([b, c], [Conflict::DuplicateTrigger { run: first }, Conflict::DuplicateTrigger { run: first }]);
    assert_eq!(house.count("runs").await, 1);
}

#[tokio::test]
async fn an_id_names_one_run() {
    let house = House::build().await;
    let change = house.new_run();
    let run = change.run;
    house.commit(vec![Change::Run(change.clone())]).await.unwrap();
    assert_eq!(house.refuse(vec![Change::Run(change)]).await, Conflict::Duplicate { stream: Stream::Run(run) });
}

#[tokio::test]
async fn a_run_that_does_not_exist_cannot_move_on() {
    let house = House::build().await;
    let run = new_run_id();
    let conflict = house.refuse(vec![Change::Run(house.advance(run, 1, &["run.started"]))]).await;
    assert_eq!(conflict, Conflict::Unknown { stream: Stream::Run(run) });
}

#[tokio::test]
async fn a_run_that_ended_has_no_work_and_never_changes() {
    let house = House::build().await;
    let run = house.start_run().await;
    let mut last = house.finish(run, 1);
    last.work.push(put(stage(run, "too-late"), at(0)));
    house.commit(vec![Change::Run(last)]).await.unwrap();

    assert_eq!(house.count("work").await, 0);
    let conflict = house.refuse(vec![Change::Run(house.advance(run, 2, &["run.started"]))]).await;
    assert_eq!(conflict, Conflict::Ended { run });
    house.check().await;
}

#[tokio::test]
async fn runs_are_listed_newest_first_in_pages() {
    let house = House::build().await;
    let mut runs = vec![];
    for _ in 0..5 {
        runs.push(house.start_run().await);
    }
    house.commit(vec![Change::Run(house.finish(runs[1], 1))]).await.unwrap();
    runs.reverse();

    let list = async |filter: RunFilter, limit| -> Vec<_> {
        house.store.runs(&filter, limit).await.unwrap().into_iter().map(|run| run.id).collect()
    };
    let page = list(RunFilter { project: Some(house.project), ..RunFilter::default() }, 2).await;
    assert_eq!(page, runs[..2]);
    assert_eq!(list(RunFilter { before: Some(page[1]), ..RunFilter::default() }, 10).await, runs[2..]);
    assert_eq!(list(RunFilter { status: Some("succeeded".to_owned()), ..RunFilter::default() }, 10).await, [runs[3]]);
    assert!(list(RunFilter { pipeline: Some("nightly".to_owned()), ..RunFilter::default() }, 10).await.is_empty());
}
