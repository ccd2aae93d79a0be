//! Schedules in force: each has its timer, which one time moves on once.

use kiket_core::ProjectId;
use kiket_store::{
    Change, Conflict, NewSchedule, NoteTick, RevisionStatus, RunChange, RunHead, SetSchedules, Stuck, Task, Work, Write,
};

use crate::harness::{House, at, new_revision};

const NIGHTLY: &str = "0 3 * * * Europe/Prague";
const OFTEN: &str = "*/5 * * * * UTC";

fn set(project: ProjectId, schedules: &[(&str, &str, i64)]) -> Change {
    let new = |(pipeline, schedule, next): &(&str, &str, i64)| NewSchedule {
        pipeline: (*pipeline).to_owned(),
        schedule: (*schedule).to_owned(),
        next: at(*next),
    };
    Change::SetSchedules(SetSchedules { project, schedules: schedules.iter().map(new).collect() })
}

fn note(house: &House, work: &Work, settled: i64, next: i64) -> NoteTick {
    let Task::Tick { project, pipeline, schedule } = work.task.clone() else { panic!("{work:?} is no tick") };
    let (revision, settled, next, held) = (house.revision, at(settled), at(next), work.held());
    NoteTick { project, pipeline, schedule, revision, settled, run: None, next, held }
}

fn start(house: &House, key: &str) -> RunChange {
    let mut run = house.new_run();
    if let Write::Create(RunHead { trigger_key, .. }) = &mut run.write {
        *trigger_key = Some(key.to_owned());
    }
    run
}

#[tokio::test]
async fn a_schedule_that_stays_goes_on_and_one_that_goes_takes_its_timer_along() {
    let house = House::build().await;
    let project = house.project;
    house.commit(vec![set(project, &[("p", NIGHTLY, 100), ("p", OFTEN, 10), ("q", OFTEN, 20)])]).await.unwrap();
    house.check().await;
    let work = house.claim("w", 10).await;
    assert_eq!(work.len(), 1);
    house.commit(vec![Change::NoteTick(note(&house, &work[0], 10, 15))]).await.unwrap();

    // What is there already keeps its time, what is new begins, what is gone ends.
    house.commit(vec![set(project, &[("p", OFTEN, 1000), ("r", OFTEN, 50)])]).await.unwrap();
    house.check().await;
    let rows = house.store.schedules(project).await.unwrap();
    let shown: Vec<_> = rows.iter().map(|row| (&*row.pipeline, row.next, row.settled)).collect();
    assert_eq!(shown, [("p", at(15), Some(at(10))), ("r", at(50), None)]);
    assert_eq!(house.store.schedule(project, "p", NIGHTLY).await.unwrap(), None);
    assert_eq!(house.claim("w", 49).await.len(), 1);
    house.commit(vec![set(project, &[])]).await.unwrap();
    assert!(house.claim("w", 1_000_000).await.is_empty());
    house.check().await;
}

#[tokio::test]
async fn a_time_starts_one_run_and_only_for_whoever_holds_it_on_the_revision_in_force() {
    let house = House::build().await;
    house.commit(vec![set(house.project, &[("p", OFTEN, 10)])]).await.unwrap();
    assert!(house.claim("early", 9).await.is_empty());
    let stale = house.claim("lost", 10).await.remove(0);
    // The lease runs out, and somebody else has the row.
    let work = house.claim("w", 5_000).await.remove(0);
    let unit = |work: &Work| vec![Change::NoteTick(note(&house, work, 10, 15)), Change::Run(start(&house, "tick 10"))];
    assert!(matches!(house.refuse(unit(&stale)).await, Conflict::FenceLost { .. }));
    house.commit(unit(&work)).await.unwrap();
    // The row has moved on, and the hold with it.
    assert!(matches!(house.refuse(unit(&work)).await, Conflict::FenceLost { .. }));

    // The same time once more, as after a clock was set back.
    house.commit(vec![set(house.project, &[])]).await.unwrap();
    house.commit(vec![set(house.project, &[("p", OFTEN, 10)])]).await.unwrap();
    let again = house.claim("w", 5_010).await.remove(0);
    assert!(matches!(house.refuse(unit(&again)).await, Conflict::DuplicateTrigger { .. }));
    assert_eq!(house.store.schedules(house.project).await.unwrap()[0].next, at(10));

    // Another revision is in force: it may mean something else.
    let newer = new_revision(house.project, RevisionStatus::Active, &[]);
    house.commit(vec![Change::Revision(newer)]).await.unwrap();
    let conflict = house.refuse(vec![Change::NoteTick(note(&house, &again, 10, 15))]).await;
    assert!(matches!(conflict, Conflict::UnknownSetting { what: "schedule", .. }), "{conflict:?}");
    house.check().await;
}

#[tokio::test]
async fn a_schedule_without_its_timer_and_a_timer_without_its_schedule_are_found() {
    let house = House::build().await;
    house.commit(vec![set(house.project, &[("p", OFTEN, 10), ("q", NIGHTLY, 20)])]).await.unwrap();
    house.execute_raw("delete from work where key like '%/p/%'; delete from schedules where pipeline = 'q'").await;
    let key = |pipeline: &str, schedule: &str| {
        Task::Tick { project: house.project, pipeline: pipeline.to_owned(), schedule: schedule.to_owned() }.key()
    };
    let stuck = house.store.stuck().await.unwrap();
    assert_eq!(stuck, [Stuck::Schedule(key("p", OFTEN)), Stuck::Work(key("q", NIGHTLY))]);
    house.execute_raw("update schedules set next = next + 1").await;
    house.commit(vec![set(house.project, &[])]).await.unwrap();
    house.commit(vec![set(house.project, &[("p", OFTEN, 10)])]).await.unwrap();
    assert!(house.store.integrity().await.unwrap().is_empty());
    house.execute_raw("update schedules set next = next + 1").await;
    assert_eq!(house.store.integrity().await.unwrap().len(), 1, "a timer that is early is a flaw");
}
