//! The log: filters, pages and wake-ups.

use kiket_store::{Change, Filter, NewEvent, Position, Records};

use crate::harness::{House, at, event};

async fn kinds(house: &House, filter: Filter) -> Vec<String> {
    let entries = house.store.tail(Position::ZERO, &filter, 100).await.expect("the log");
    entries.into_iter().map(|entry| entry.kind).collect()
}

fn of_kinds(kinds: &[&str]) -> Filter {
    Filter { kinds: kinds.iter().map(|&kind| kind.to_owned()).collect(), ..Filter::default() }
}

async fn house_with_history() -> (House, kiket_core::RunId) {
    let house = House::build().await;
    let run = house.start_run().await;
    house.start_run().await;
    let mut change = house.advance(run, 1, &["run.started", "run.needs_attention"]);
    change.events.push(NewEvent { stage: Some("build".to_owned()), ..event("stage.started") });
    let record = NewEvent { stage: Some("build".to_owned()), ..event("stage.log") };
    let records = Records { run, project: house.project, held: None, at: at(1), records: vec![record] };
    house.commit(vec![Change::Run(change), Change::Records(records)]).await.expect("a history");
    (house, run)
}

#[tokio::test]
async fn a_tail_is_narrowed_by_run_stage_project_and_kind() {
    let (house, run) = house_with_history().await;
    let of_run = Filter { run: Some(run), ..Filter::default() };
    let all = ["run.queued", "run.started", "run.needs_attention", "stage.started", "stage.log"];
    assert_eq!(kinds(&house, of_run.clone()).await, all);
    let of_stage = Filter { stage: Some("build".to_owned()), ..of_run.clone() };
    assert_eq!(kinds(&house, of_stage).await, all[3..]);
    assert_eq!(kinds(&house, Filter { project: Some(house.project), ..of_kinds(&["*"]) }).await.len(), 7);
    assert_eq!(kinds(&house, of_kinds(&["stage.*"])).await, all[3..]);
    assert_eq!(kinds(&house, of_kinds(&["run.started", "stage.log"])).await, ["run.started", "stage.log"]);
    assert_eq!(kinds(&house, of_kinds(&["run", "stage_*", "%"])).await, Vec::<String>::new());
    let stranger = crate::harness::new_project("other").id;
    assert!(kinds(&house, Filter { project: Some(stranger), ..Filter::default() }).await.is_empty());
}

#[tokio::test]
async fn what_is_in_memory_is_what_the_database_says() {
    let (house, _) = house_with_history().await;
    let of_project = Filter { project: Some(house.project), ..Filter::default() };
    let read = house.store.tail(Position::ZERO, &of_project, 100).await.expect("the log");
    assert_eq!(house.history().await, read);
    let house = house.restart().await;
    assert_eq!(house.history().await, read);
}

#[tokio::test]
async fn records_have_a_position_and_no_number() {
    let (house, run) = house_with_history().await;
    let entries = house.store.tail(Position::ZERO, &Filter { run: Some(run), ..Filter::default() }, 9).await.unwrap();
    let numbers: Vec<_> = entries.iter().map(|entry| entry.seq.map(kiket_store::Seq::get)).collect();
    assert_eq!(numbers, [Some(1), Some(2), Some(3), Some(4), None]);
    assert_eq!(house.store.run(run).await.unwrap().unwrap().seq.get(), 4);
}

#[tokio::test]
async fn pages_put_together_are_the_whole() {
    let (house, _) = house_with_history().await;
    let (mut cursor, mut pages) = (Position::ZERO, vec![]);
    loop {
        let page = house.store.tail(cursor, &Filter::default(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = last.position;
        pages.extend(page);
    }
    assert_eq!(pages, house.history().await);
    assert_eq!(cursor, *house.store.head().borrow());
}

#[tokio::test]
async fn the_head_wakes_a_reader_and_can_be_read() {
    let house = House::build().await;
    let mut head = house.store.head();
    let after = *head.borrow_and_update();
    let store = house.store.clone();
    let reader = tokio::spawn(async move {
        head.changed().await.unwrap();
        store.tail(after, &Filter::default(), 10).await.unwrap()
    });
    house.start_run().await;
    let seen: Vec<_> = reader.await.unwrap().into_iter().map(|entry| entry.kind).collect();
    assert_eq!(seen, ["run.queued"]);
}
