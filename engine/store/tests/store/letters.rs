//! Dead letters: what is given up is written with the giving up, settled once, and bounded.

use kiket_core::RunId;
use kiket_store::{
    Change, Conflict, DeliveryStatus, GiveUp, LetterFilter, LetterKind, LetterState, NoteSync, OPEN_LETTERS, Recover,
    RepeatDelivery, SettleDelivery, SettleLetter, Settled, SyncOutcome, Task,
};

use crate::harness::{House, at};

impl House {
    fn give_up(&self, kind: LetterKind, about: &str, tries: i64) -> Change {
        let (about, project) = (about.to_owned(), self.project);
        let reason = format!("after {tries}");
        Change::GiveUp(GiveUp { kind, about, project, run: None, reason, tries, at: at(tries) })
    }

    async fn letters(&self) -> Vec<(LetterKind, String, String, i64)> {
        let letters = self.store.dead_letters(&LetterFilter::default(), 200).await.expect("a list");
        letters.into_iter().map(|one| (one.kind, one.about, one.reason, one.tries)).collect()
    }
}

#[tokio::test]
async fn one_letter_about_one_thing_is_open_and_has_the_newest_reason() {
    let house = House::build().await;
    house.commit(vec![house.give_up(LetterKind::Status, "run_1", 1)]).await.unwrap();
    house.commit(vec![house.give_up(LetterKind::Status, "run_1", 2)]).await.unwrap();
    house.commit(vec![house.give_up(LetterKind::Item, "run_1", 3)]).await.unwrap();
    let status = (LetterKind::Status, "run_1".to_owned(), "after 2".to_owned(), 2);
    assert_eq!(house.letters().await, [(LetterKind::Item, "run_1".to_owned(), "after 3".to_owned(), 3), status]);
    let letter = house.store.dead_letter(1).await.unwrap().unwrap();
    assert_eq!((letter.since, letter.at, letter.project_name.as_str()), (at(1), at(2), "shop"));

    let recover = Recover { kind: LetterKind::Status, about: "run_1".to_owned(), at: at(7) };
    house.commit(vec![Change::Recover(recover.clone())]).await.unwrap();
    house.commit(vec![Change::Recover(recover)]).await.unwrap();
    let letter = house.store.dead_letter(1).await.unwrap().unwrap();
    assert_eq!((letter.state, letter.settled_at), (LetterState::Recovered, Some(at(7))));
    house.check().await;
}

#[tokio::test]
async fn a_letter_is_settled_once_with_what_is_done_about_it() {
    let house = House::build().await;
    house.commit(vec![house.give_up(LetterKind::Item, "itm_1", 1)]).await.unwrap();
    let settle = |state| SettleLetter { id: 1, state, at: at(5) };
    let (one, other) = tokio::join!(
        house.commit(vec![Change::SettleLetter(settle(LetterState::Retried)), house.give_up(LetterKind::Sync, "x", 1)]),
        house.refuse(vec![Change::SettleLetter(settle(LetterState::Discarded))]),
    );
    one.unwrap();
    assert_eq!(other, Conflict::LetterSettled { id: 1 });
    assert_eq!(house.letters().await.len(), 1, "what came with the settling that counts is there");
    // Given up again it is another letter.
    house.commit(vec![house.give_up(LetterKind::Item, "itm_1", 2)]).await.unwrap();
    assert_eq!(house.letters().await[0].0, LetterKind::Item);
    assert_eq!(house.store.dead_letter(1).await.unwrap().unwrap().state, LetterState::Retried);
}

#[tokio::test]
async fn a_delivery_that_failed_is_a_letter_and_can_be_acted_on_again() {
    let house = House::build().await;
    let delivery = house.delivery("7");
    let id = delivery.id;
    house.commit(vec![Change::Receive(delivery)]).await.unwrap();
    for tries in 1..=2 {
        let held = house.claim("w", tries * 10).await[0].held();
        let note = format!("failure {tries}");
        let settle = SettleDelivery { id, status: Settled::Failed, note: note.clone(), held, at: at(tries) };
        house.commit(vec![Change::SettleDelivery(settle)]).await.unwrap();
        let letters = house.letters().await;
        assert_eq!(letters, [(LetterKind::Delivery, id.to_string(), note, 1)]);
        let letter = house.store.dead_letters(&LetterFilter::default(), 1).await.unwrap().remove(0);
        let settle = SettleLetter { id: letter.id, state: LetterState::Retried, at: at(4) };
        let again = Change::RepeatDelivery(RepeatDelivery { id, priority: 0, at: at(tries * 10 + 5) });
        house.commit(vec![Change::SettleLetter(settle), again.clone()]).await.unwrap();
        // Once more changes nothing.
        house.commit(vec![again]).await.unwrap();
        house.check().await;
    }
    let work = house.claim("w", 100).await;
    assert_eq!(work[0].task, Task::Delivery { delivery: id });
    assert_eq!(house.store.delivery(id).await.unwrap().unwrap().status, DeliveryStatus::Pending);
}

#[tokio::test]
async fn a_branch_that_fails_again_and_again_is_a_letter_until_it_does_not() {
    let house = House::build().await;
    let note = async |outcome: SyncOutcome| {
        house.commit(vec![Change::NoteSync(NoteSync { project: house.project, at: at(1), outcome })]).await.unwrap();
    };
    let failed = || SyncOutcome::Failed { error: "no route".to_owned() };
    let counts = async || house.store.dead_letter_counts().await.unwrap().open;
    for _ in 0..4 {
        note(failed()).await;
    }
    assert_eq!(counts().await, []);
    note(failed()).await;
    note(failed()).await;
    assert_eq!(counts().await, [(LetterKind::Sync, 1)]);
    assert_eq!(house.letters().await[0].3, 6);
    note(SyncOutcome::Nothing).await;
    assert_eq!(counts().await, []);
    // One that was let go stays gone for as long as it fails.
    for _ in 0..5 {
        note(failed()).await;
    }
    let letter = house.store.dead_letters(&LetterFilter::default(), 1).await.unwrap().remove(0);
    let settle = SettleLetter { id: letter.id, state: LetterState::Discarded, at: at(4) };
    house.commit(vec![Change::SettleLetter(settle)]).await.unwrap();
    note(failed()).await;
    assert_eq!(counts().await, []);
}

#[tokio::test]
async fn letters_are_listed_by_project_and_kind_in_pages() {
    let house = House::build().await;
    for number in 1..=5 {
        house.commit(vec![house.give_up(LetterKind::Item, &number.to_string(), 1)]).await.unwrap();
    }
    house.commit(vec![house.give_up(LetterKind::Run, "run", 1)]).await.unwrap();
    let page = async |before, kind| {
        let filter = LetterFilter { project: Some(house.project), kind, before };
        let letters = house.store.dead_letters(&filter, 2).await.unwrap();
        letters.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, None).await, [6, 5]);
    assert_eq!(page(Some(5), None).await, [4, 3]);
    assert_eq!(page(None, Some(LetterKind::Run)).await, [6]);
}

#[tokio::test]
async fn the_oldest_letters_make_room_for_new_ones_and_are_counted() {
    let house = House::build().await;
    let many = (1..=OPEN_LETTERS).map(|number| house.give_up(LetterKind::Item, &number.to_string(), 1)).collect();
    house.commit(many).await.unwrap();
    let run: RunId = house.start_run().await;
    house.commit(vec![house.give_up(LetterKind::Run, &run.to_string(), 1)]).await.unwrap();
    let counts = house.store.dead_letter_counts().await.unwrap();
    let items = OPEN_LETTERS.unsigned_abs() - 1;
    assert_eq!((counts.open, counts.dropped), (vec![(LetterKind::Item, items), (LetterKind::Run, 1)], 1));
    assert_eq!(house.store.dead_letter(1).await.unwrap().unwrap().state, LetterState::Discarded);
}
