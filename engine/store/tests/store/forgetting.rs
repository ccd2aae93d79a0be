//! Forgetting: what is old goes, what anything needs stays, and the log is whole all the same.

use std::collections::BTreeMap;

use kiket_core::planted::{Bug, plant};
use kiket_core::{ItemId, RevisionId, RunId};
use kiket_store::{
    Bounds, Change, Claim, Filter, Forgotten, GiveUp, LetterFilter, LetterKind, LetterState, NewEvent, Position,
    Records, RevisionStatus, RunChange, SettleDelivery, SettleLetter, Settled, Task, TaskKind, Walk, Write,
};
use proptest::prelude::*;

use crate::harness::{FAR, House, at, claim, new_revision, put, stage};

impl House {
    /// Goes through everything once; what ended before `before` is old.
    async fn forget(&self, before: i64) -> Forgotten {
        let bounds = Bounds { ended: at(before), audit: at(before) };
        let (mut walk, mut all) = (Walk::default(), Forgotten::default());
        while let Some(forgotten) = self.store.forget_some(&bounds, &mut walk).await.expect("a unit") {
            assert!(forgotten.rows <= 1_001, "{forgotten:?}");
            all.rows += forgotten.rows;
            all.runs += forgotten.runs;
            all.digests.extend(forgotten.digests);
        }
        all
    }

    async fn ended_run(&self, end: i64) -> RunId {
        let run = self.start_run().await;
        self.commit(vec![Change::Run(self.ended(run, 1, end))]).await.expect("an end");
        run
    }

    fn ended(&self, run: RunId, expected: i64, end: i64) -> RunChange {
        RunChange { finished_at: Some(at(end)), ..self.finish(run, expected) }
    }

    fn records(&self, run: RunId, count: usize, bytes: usize) -> Change {
        let data = format!("{{\"text\":\"{}\"}}", "x".repeat(bytes));
        let records = vec![NewEvent { kind: "stage.log".into(), stage: None, data }; count];
        Change::Records(Records { run, project: self.project, held: None, at: at(0), records })
    }

    async fn does<const N: usize>(&self, changes: [Change; N]) {
        self.commit(changes.into()).await.expect("the store answers");
    }

    async fn has(&self, run: RunId) -> bool {
        let there = self.store.run(run).await.expect("an answer").is_some();
        let entries = self.store.tail(Position::ZERO, &Filter { run: Some(run), ..Filter::default() }, 10).await;
        assert_eq!(there, !entries.expect("a page").is_empty(), "the run and its history go together");
        there
    }
}

#[tokio::test]
async fn runs_go_with_their_history_when_they_are_old_and_positions_are_not_given_again() {
    let house = House::build().await;
    let (old, open, new) = (house.ended_run(9).await, house.start_run().await, house.ended_run(50).await);
    let head = house.history().await.last().unwrap().position;
    let cut = *house.store.head().borrow();
    assert_eq!((head, house.store.cut(None)), (cut, Position::ZERO));

    let forgotten = house.forget(20).await;
    assert_eq!(forgotten.runs, 1);
    assert_eq!((house.has(old).await, house.has(open).await, house.has(new).await), (false, true, true));
    house.check().await;
    // The revision's own event was old as well; the run's last one was the third entry.
    assert_eq!(house.store.cut(Some(house.project)), Position::new(3));

    house.commit(vec![Change::Run(house.ended(open, 1, 9))]).await.unwrap();
    assert_eq!(house.history().await.last().unwrap().position.get(), head.get() + 1);
    assert_eq!(house.forget(1_000).await.runs, 2);
    assert_eq!(house.history().await, []);
    house.check().await;
    let house = house.restart().await;
    assert_eq!(house.store.cut(None).get(), head.get() + 1);
    let next = house.start_run().await;
    assert!(house.has(next).await);
    assert_eq!(house.history().await[0].position.get(), head.get() + 2);
    house.check().await;
}

#[tokio::test]
async fn a_large_run_goes_in_small_units_and_is_not_whole_meanwhile() {
    let house = House::build().await;
    let run = house.start_run().await;
    for _ in 0..3 {
        house.commit(vec![house.records(run, 400, 100)]).await.unwrap();
    }
    house.commit(vec![house.records(run, 100, 64 * 1024)]).await.unwrap();
    house.commit(vec![Change::Run(house.ended(run, 1, 9))]).await.unwrap();
    let bounds = Bounds { ended: at(20), audit: at(0) };
    let (mut walk, mut units) = (Walk::default(), 0);
    while let Some(forgotten) = house.store.forget_some(&bounds, &mut walk).await.unwrap() {
        units += 1;
        assert!(forgotten.rows <= 500);
        let there = house.store.run(run).await.unwrap().is_some();
        assert!(!there || !house.store.is_whole(run).await.unwrap(), "it is gone, or not whole");
        house.check().await;
        // Somebody pulls the plug.
        if units == 2 {
            break;
        }
    }
    assert_eq!(units, 2);
    let house = house.restart().await;
    house.forget(20).await;
    assert!(!house.has(run).await);
    assert_eq!(house.count("forgetting").await, 0);
    house.check().await;
}

#[tokio::test]
async fn a_run_that_something_needs_stays_until_nothing_does() {
    let house = House::build().await;
    let (item, letter) = (house.add_item(1).await, house.ended_run(9).await);
    let awaited = house.start_run_for(item).await;
    house
        .commit(vec![Change::Run(RunChange { finished_at: Some(at(9)), ..house.finish_for(awaited, item) })])
        .await
        .unwrap();
    let (kind, about, project) = (LetterKind::Run, letter.to_string(), house.project);
    let give_up = GiveUp { kind, about, project, run: Some(letter), reason: String::new(), tries: 1, at: at(5) };
    house.commit(vec![Change::GiveUp(give_up)]).await.unwrap();

    assert_eq!(house.forget(1_000).await.runs, 0);
    house.check().await;

    house.commit(vec![Change::Item(house.advance_item(item, 2, &["item.updated"]))]).await.unwrap();
    let settle = SettleLetter { id: 1, state: LetterState::Discarded, at: at(5) };
    house.commit(vec![Change::SettleLetter(settle)]).await.unwrap();
    assert_eq!(house.forget(1_000).await.runs, 2);
    assert_eq!((house.has(awaited).await, house.has(letter).await), (false, false));
    assert_eq!(house.count("dead_letters").await, 0);
    house.check().await;
}

#[tokio::test]
async fn revisions_that_nothing_refers_to_go_with_texts_that_no_other_has() {
    let house = House::build().await;
    let publish = async |at_: i64, sources: &[(&str, &str)]| {
        let mut revision = new_revision(house.project, RevisionStatus::Active, sources);
        revision.at = at(at_);
        let id = revision.id;
        house.commit(vec![Change::Revision(revision)]).await.unwrap();
        id
    };
    let first = publish(1, &[("a.yaml", "shared"), ("b.yaml", "only the first")]).await;
    let second = publish(2, &[("a.yaml", "shared"), ("b.yaml", "only the second")]).await;
    let third = publish(30, &[("a.yaml", "shared")]).await;
    let mut run = house.new_run();
    let id = run.run;
    if let Write::Create(head) = &mut run.write {
        head.revision = second;
    }
    house.commit(vec![Change::Run(run)]).await.unwrap();

    // Nothing is superseded for long enough, then the first is; the second has a run, and the third is in force.
    house.forget(20).await;
    assert_eq!(house.count("revisions").await, 4);
    house.forget(40).await;
    let there = async |id| house.store.revision(id).await.unwrap().is_some();
    assert_eq!((there(first).await, there(second).await, there(third).await), (false, true, true));
    assert_eq!(house.count("blobs").await, 2);
    house.commit(vec![Change::Run(house.ended(id, 1, 9))]).await.unwrap();
    house.forget(40).await;
    assert!(there(second).await, "it outlives its last run by one walk");
    house.forget(40).await;
    assert!(!there(second).await);
    assert_eq!(house.count("blobs").await, 1);
    house.check().await;
}

#[tokio::test]
async fn space_that_is_free_is_given_back() {
    let house = House::build().await;
    let run = house.start_run().await;
    for _ in 0..20 {
        house.commit(vec![house.records(run, 20, 64 * 1024)]).await.unwrap();
    }
    house.commit(vec![Change::Run(house.ended(run, 1, 9))]).await.unwrap();
    house.forget(20).await;
    house.check().await;
    let path = house.path();
    let keep = house.restart().await;
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size < 8 * 1024 * 1024, "of 26 MiB there are {size} bytes left");
    keep.check().await;
}

/// What somebody does to the house.
#[derive(Debug, Clone)]
enum Act {
    Start,
    StartFor,
    Advance(usize),
    Record(usize),
    End(usize),
    GoOn(usize),
    Deliver,
    Settle,
    Publish,
    Complain(usize),
    LetGo,
    Wait(i64),
    Forget,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Start),
        2 => Just(Act::StartFor),
        3 => (0..8_usize).prop_map(Act::Advance),
        2 => (0..8_usize).prop_map(Act::Record),
        5 => (0..8_usize).prop_map(Act::End),
        3 => (0..8_usize).prop_map(Act::GoOn),
        1 => Just(Act::Deliver),
        1 => Just(Act::Settle),
        1 => Just(Act::Publish),
        1 => (0..8_usize).prop_map(Act::Complain),
        1 => Just(Act::LetGo),
        3 => (1..40_i64).prop_map(Act::Wait),
        3 => Just(Act::Forget),
    ]
}

/// What is known of a run: how many events it has, when it ended, and who waits for it.
#[derive(Debug, Clone, Default)]
struct Known {
    events: i64,
    ended: Option<i64>,
    item: Option<(ItemId, i64)>,
    complaint: bool,
}

/// How long runs are kept in the story.
const KEPT: i64 = 50;

#[derive(Default)]
struct Story {
    now: i64,
    runs: BTreeMap<RunId, Known>,
    items: i64,
    deliveries: u32,
    letters: Vec<(i64, RunId)>,
    in_force: Option<RevisionId>,
}

impl Story {
    fn nth(&self, n: usize, fits: impl Fn(&Known) -> bool) -> Option<RunId> {
        let fitting: Vec<RunId> = self.runs.iter().filter(|(_, known)| fits(known)).map(|(id, _)| *id).collect();
        (!fitting.is_empty()).then(|| fitting[n % fitting.len()])
    }

    /// A run by what is in force: what was superseded is forgotten before any run could begin by it.
    fn new_run(&self, house: &House) -> RunChange {
        let mut run = RunChange { at: at(self.now), ..house.new_run() };
        if let (Write::Create(head), Some(revision)) = (&mut run.write, self.in_force) {
            head.revision = revision;
        }
        run
    }

    async fn act(&mut self, house: &House, act: Act) {
        let is_open = |known: &Known| known.ended.is_none();
        match act {
            Act::Start => {
                let run = self.new_run(house);
                self.runs.insert(run.run, Known { events: 1, ..Known::default() });
                house.does([Change::Run(run)]).await;
            }
            Act::StartFor => {
                self.items += 1;
                let item = house.add_item(self.items).await;
                let mut change = self.new_run(house);
                change.work.push(put(stage(change.run, "one"), at(FAR)));
                let mut wait = house.advance_item(item, 1, &["item.updated"]);
                wait.row.pending_run = Some(change.run);
                self.runs.insert(change.run, Known { events: 1, item: Some((item, 2)), ..Known::default() });
                house.does([Change::Run(change), Change::Item(wait)]).await;
            }
            Act::Advance(n) => {
                let Some(run) = self.nth(n, is_open) else { return };
                let known = self.runs.get_mut(&run).expect("it is known");
                house.does([Change::Run(house.advance(run, known.events, &["stage.ready", "stage.started"]))]).await;
                known.events += 2;
            }
            Act::Record(n) => {
                let Some(run) = self.nth(n, is_open) else { return };
                house.does([house.records(run, 200, 10)]).await;
            }
            Act::End(n) => {
                let Some(run) = self.nth(n, is_open) else { return };
                let known = self.runs.get_mut(&run).expect("it is known");
                let mut change = house.ended(run, known.events, self.now);
                change.work = known.item.iter().flat_map(|(item, _)| house.finish_for(run, *item).work).collect();
                (known.events, known.ended) = (known.events + 1, Some(self.now));
                house.does([Change::Run(change)]).await;
            }
            Act::GoOn(n) => {
                let Some(run) = self.nth(n, |known| known.ended.is_some() && known.item.is_some()) else { return };
                let (item, seq) = self.runs.get_mut(&run).and_then(|known| known.item.take()).expect("an item");
                house.does([Change::Item(house.advance_item(item, seq, &["item.updated"]))]).await;
            }
            Act::Deliver => {
                self.deliveries += 1;
                house.does([Change::Receive(house.delivery(&self.deliveries.to_string()))]).await;
            }
            Act::Settle => {
                let now = self.now.min(FAR - 1);
                let claim = Claim { kinds: vec![TaskKind::Delivery], ..claim("w", now) };
                for work in house.store.claim(claim).await.expect("the store answers") {
                    let Task::Delivery { delivery: id } = work.task else { continue };
                    let status = if self.deliveries.is_multiple_of(2) { Settled::Done } else { Settled::Failed };
                    let (held, note, at) = (work.held(), String::new(), at(self.now));
                    let settle = SettleDelivery { id, status, note, held, at };
                    house.does([Change::SettleDelivery(settle)]).await;
                }
            }
            Act::Publish => {
                let text = (self.now % 3).to_string();
                let mut revision = new_revision(house.project, RevisionStatus::Active, &[("a", &text)]);
                revision.at = at(self.now);
                self.in_force = Some(revision.id);
                house.does([Change::Revision(revision)]).await;
            }
            Act::Complain(n) => {
                let Some(run) = self.nth(n, |known| !known.complaint) else { return };
                self.runs.get_mut(&run).expect("it is known").complaint = true;
                let (kind, about, reason) = (LetterKind::Run, run.to_string(), "no".to_owned());
                let (project, at) = (house.project, at(self.now));
                let give_up = GiveUp { kind, about, project, run: Some(run), reason, tries: 1, at };
                house.does([Change::GiveUp(give_up)]).await;
                let filter = LetterFilter { kind: Some(kind), ..Default::default() };
                self.letters.push((house.store.dead_letters(&filter, 1).await.expect("the store answers")[0].id, run));
            }
            Act::LetGo => {
                let Some((id, run)) = self.letters.pop() else { return };
                self.runs.get_mut(&run).expect("it is known").complaint = false;
                let settle = SettleLetter { id, state: LetterState::Discarded, at: at(self.now) };
                house.does([Change::SettleLetter(settle)]).await;
            }
            Act::Wait(time) => self.now += time,
            Act::Forget => {
                let before = self.now - KEPT;
                house.forget(before).await;
                self.runs.retain(|_, known| {
                    known.ended.is_none_or(|ended| ended >= before) || known.item.is_some() || known.complaint
                });
            }
        }
    }

    /// What has to be there is, whole; what has to be gone is.
    async fn hold(&self, house: &House) {
        house.check().await;
        let rows = house.store.runs(&kiket_store::RunFilter::default(), 10_000).await.expect("the store answers");
        let mut there: Vec<RunId> = rows.iter().map(|row| row.id).collect();
        there.sort_unstable();
        assert_eq!(there, self.runs.keys().copied().collect::<Vec<_>>());
        for row in rows {
            assert_eq!(row.seq.get(), self.runs[&row.id].events);
            assert!(house.store.is_whole(row.id).await.expect("the store answers"));
        }
    }
}

async fn live(acts: Vec<Act>) {
    let house = House::build().await;
    let mut story = Story::default();
    for act in acts {
        story.act(&house, act).await;
        story.hold(&house).await;
    }
    let house = house.restart().await;
    story.hold(&house).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_what_is_needed_stays_and_the_log_is_whole(acts in prop::collection::vec(act(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(live(acts));
    }
}

/// The same story with a bug on purpose: it has to be noticed.
#[test]
fn forgetting_an_open_run_is_noticed() {
    plant(Bug::OpenRunDeleted);
    let story = vec![Act::Start, Act::Wait(KEPT + 1), Act::Forget];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let lived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(live(story))));
    kiket_core::planted::weed();
    assert!(lived.is_err(), "an open run was forgotten and nobody has noticed");
}
