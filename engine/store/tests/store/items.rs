//! Items: begun once under a number, moved on by compare-and-set, listed.

use std::collections::BTreeSet;

use kiket_core::ItemId;
use kiket_store::{
    Change, CommitError, Conflict, Filter, ItemChange, ItemColumns, ItemFilter, ItemHead, ItemRow, Position, Seq,
    StoreError, Stream, WriteItem,
};

use crate::harness::{House, at, new_project};

fn labels(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn word(text: &str) -> Option<String> {
    Some(text.to_owned())
}

async fn list(house: &House, filter: ItemFilter) -> Vec<i64> {
    house.store.items(&filter, 100).await.expect("items").into_iter().map(|item| item.number).collect()
}

/// Adds an item whose columns are changed first.
async fn add(house: &House, number: i64, change: impl FnOnce(&mut ItemColumns)) -> ItemId {
    let mut item = house.new_item(number);
    change(&mut item.row);
    let id = item.item;
    house.commit(vec![Change::Item(item)]).await.expect("an item");
    id
}

#[tokio::test]
async fn an_item_is_read_as_it_was_written() {
    let house = House::build().await;
    let run = house.start_run().await;
    let item = house.add_item(7).await;

    let mut next = house.advance_item(item, 1, &["item.updated", "item.transitioned"]);
    next.at = at(5);
    next.data = r#"{"state":"review"}"#.to_owned();
    next.row = ItemColumns {
        workflow: "release".to_owned(),
        state: "review".to_owned(),
        category: word("active"),
        title: "Ship it".to_owned(),
        priority: word("high"),
        assignee: word("ada"),
        labels: labels(&["ui", "bug"]),
        revision: Some(house.revision),
        pending_run: Some(run),
    };
    house.commit(vec![Change::Item(next)]).await.unwrap();

    let expected = ItemRow {
        id: item,
        project: house.project,
        number: 7,
        kind: "issue".to_owned(),
        workflow: "release".to_owned(),
        state: "review".to_owned(),
        category: word("active"),
        title: "Ship it".to_owned(),
        priority: word("high"),
        assignee: word("ada"),
        labels: labels(&["bug", "ui"]),
        seq: Seq::new(3),
        data: r#"{"state":"review"}"#.to_owned(),
        revision: Some(house.revision),
        pending_run: Some(run),
        created_at: at(0),
        updated_at: at(5),
    };
    assert_eq!(house.store.item(item).await.unwrap().as_ref(), Some(&expected));
    assert_eq!(house.store.item_by_number(house.project, 7).await.unwrap(), Some(expected));
    assert_eq!(house.store.item_by_number(house.project, 8).await.unwrap(), None);
    house.check().await;
}

#[tokio::test]
async fn an_item_that_moved_on_is_decided_again() {
    let house = House::build().await;
    let item = house.add_item(1).await;
    let changes = ["item.updated", "item.transitioned"].map(|kind| house.advance_item(item, 1, &[kind]));
    let [first, second] = changes.map(|change| vec![Change::Item(change)]);

    let (committed, conflict) = tokio::join!(house.commit(first), house.refuse(second));

    committed.unwrap();
    let stream = Stream::Item(item);
    assert_eq!(conflict, Conflict::Seq { stream, expected: Seq::new(1), actual: Seq::new(2) });
    assert_eq!(conflict.to_string(), format!("item `{item}` is at event 2, not 1"));
    house.check().await;
}

#[tokio::test]
async fn an_item_that_does_not_exist_cannot_move_on() {
    let house = House::build().await;
    let item = house.new_item(1).item;
    let conflict = house.refuse(vec![Change::Item(house.advance_item(item, 1, &["item.updated"]))]).await;
    assert_eq!(conflict, Conflict::Unknown { stream: Stream::Item(item) });
}

#[tokio::test]
async fn an_id_names_one_item() {
    let house = House::build().await;
    let change = house.new_item(1);
    let stream = Stream::Item(change.item);
    house.commit(vec![Change::Item(change.clone())]).await.unwrap();
    house.add_item(2).await;
    assert_eq!(house.refuse(vec![Change::Item(change.clone())]).await, Conflict::Duplicate { stream });
    // Also where the number is that of yet another item.
    let head = ItemHead { project: house.project, number: 2, kind: "issue".to_owned() };
    let change = ItemChange { write: WriteItem::Create(head), ..change };
    assert_eq!(house.refuse(vec![Change::Item(change)]).await, Conflict::Duplicate { stream });
}

#[tokio::test]
async fn a_number_names_one_item_of_a_project() {
    let house = House::build().await;
    assert_eq!(house.store.last_item_number(house.project).await.unwrap(), 0);
    let [first, second] = [(); 2].map(|()| vec![Change::Item(house.new_item(3))]);

    let (committed, conflict) = tokio::join!(house.commit(first), house.refuse(second));

    committed.unwrap();
    let project = house.project;
    assert_eq!(conflict, Conflict::DuplicateNumber { project, number: 3 });
    assert_eq!(house.store.last_item_number(project).await.unwrap(), 3);

    let other = new_project("other");
    let head = ItemHead { project: other.id, number: 3, kind: "issue".to_owned() };
    let elsewhere = ItemChange { write: WriteItem::Create(head), ..house.new_item(3) };
    house.commit(vec![Change::Project(other), Change::Item(elsewhere)]).await.unwrap();
    house.check().await;
}

#[tokio::test]
async fn an_item_has_a_history_of_its_own() {
    let house = House::build().await;
    let (item, run) = (house.add_item(1).await, house.start_run().await);
    house.add_item(2).await;
    let moved = house.advance_item(item, 1, &["item.updated", "item.transitioned"]);
    house.commit(vec![Change::Item(moved), Change::Run(house.advance(run, 1, &["run.started"]))]).await.unwrap();

    let filter = Filter { item: Some(item), ..Filter::default() };
    let entries = house.store.tail(Position::ZERO, &filter, 10).await.unwrap();
    let story: Vec<_> = entries.iter().map(|entry| (entry.seq.map(Seq::get), entry.kind.as_str())).collect();
    assert_eq!(story, [(Some(1), "item.created"), (Some(2), "item.updated"), (Some(3), "item.transitioned")]);
    assert!(entries.iter().all(|entry| (entry.item, entry.run) == (Some(item), None)));
    let of_runs: Vec<_> = house.history().await.into_iter().filter(|entry| entry.run.is_some()).collect();
    assert!(of_runs.len() == 2 && of_runs.iter().all(|entry| entry.item.is_none()), "{of_runs:?}");
    house.check().await;
}

#[tokio::test]
async fn an_event_of_an_item_has_no_stage() {
    let house = House::build().await;
    let mut change = house.new_item(1);
    change.events[0].stage = word("build");
    let refused = house.commit(vec![Change::Item(change)]).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Constraint(_)))), "{refused:?}");
}

#[tokio::test]
async fn labels_are_written_only_when_they_differ() {
    let house = House::build().await;
    let item = add(&house, 1, |row| row.labels = labels(&["bug", "ui"])).await;
    let advance = |expected, names: &[&str]| {
        let mut change = house.advance_item(item, expected, &["item.updated"]);
        change.row.labels = labels(names);
        vec![Change::Item(change)]
    };
    house
        .execute_raw(
            "create trigger spring before delete on item_labels begin select raise(abort, 'written'); end;
             create trigger spring_too before insert on item_labels begin select raise(abort, 'written'); end",
        )
        .await;
    house.commit(advance(1, &["ui", "bug"])).await.unwrap();
    house.commit(advance(2, &["ui"])).await.unwrap_err();
    house.execute_raw("drop trigger spring; drop trigger spring_too").await;

    let many: Vec<String> = (0..40).map(|number| format!("l{number:02}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    house.commit(advance(2, &many)).await.unwrap();
    assert_eq!(house.store.item(item).await.unwrap().unwrap().labels, labels(&many));
    house.commit(advance(3, &[])).await.unwrap();
    assert!(house.store.item(item).await.unwrap().unwrap().labels.is_empty());
}

#[tokio::test]
async fn items_are_narrowed_by_what_is_asked_for() {
    let house = House::build().await;
    let all = || ItemFilter { project: Some(house.project), ..ItemFilter::default() };
    add(&house, 1, |row| {
        row.state = "closed".to_owned();
        row.category = word("done");
        row.labels = labels(&["bug", "ui"]);
    })
    .await;
    add(&house, 2, |row| {
        row.assignee = word("ada");
        row.priority = word("high");
        row.labels = labels(&["bug"]);
    })
    .await;
    let mut release = house.new_item(3);
    release.write = WriteItem::Create(ItemHead { project: house.project, number: 3, kind: "release".to_owned() });
    house.commit(vec![Change::Item(release)]).await.unwrap();

    assert_eq!(list(&house, ItemFilter::default()).await, [3, 2, 1]);
    assert_eq!(list(&house, all()).await, [3, 2, 1]);
    assert_eq!(list(&house, ItemFilter { kind: word("release"), ..all() }).await, [3]);
    assert_eq!(list(&house, ItemFilter { state: word("open"), ..all() }).await, [3, 2]);
    assert_eq!(list(&house, ItemFilter { category: word("done"), ..all() }).await, [1]);
    assert_eq!(list(&house, ItemFilter { assignee: word("ada"), ..all() }).await, [2]);
    assert_eq!(list(&house, ItemFilter { priority: word("high"), ..all() }).await, [2]);
    assert_eq!(list(&house, ItemFilter { label: word("bug"), ..all() }).await, [2, 1]);
    let both = ItemFilter { label: word("bug"), state: word("open"), ..all() };
    assert_eq!(list(&house, both).await, [2]);
    let stranger = ItemFilter { project: Some(new_project("other").id), ..ItemFilter::default() };
    assert!(list(&house, stranger).await.is_empty());
}

#[tokio::test]
async fn a_title_is_found_by_any_part_of_it_in_any_case() {
    let house = House::build().await;
    for (number, title) in [(1, "Ärger im Büro"), (2, "100% of 3_000"), (3, r"a\b")] {
        add(&house, number, |row| row.title = title.to_owned()).await;
    }
    let find = async |text: &str| list(&house, ItemFilter { text: word(text), ..ItemFilter::default() }).await;
    assert_eq!(find("ÄRGER").await, [1]);
    assert_eq!(find("im bÜ").await, [1]);
    assert_eq!(find("0%").await, [2]);
    assert_eq!(find("_").await, [2]);
    assert_eq!(find(r"A\").await, [3]);
    assert_eq!(find("%i%").await, Vec::<i64>::new());
    assert_eq!(find("").await, [3, 2, 1]);
}

#[tokio::test]
async fn items_are_listed_newest_first_in_pages() {
    let house = House::build().await;
    for number in 1..=5 {
        add(&house, number, |row| row.labels = labels(&[&format!("l{number}")])).await;
    }
    let (mut before, mut seen) = (None, vec![]);
    loop {
        let page = house.store.items(&ItemFilter { before, ..ItemFilter::default() }, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        assert!(page.iter().all(|item| item.labels == labels(&[&format!("l{}", item.number)])), "{page:?}");
        seen.extend(page.into_iter().map(|item| item.number));
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
}
