//! The invariants checker: what has to be true of a database whatever happened before.

use std::path::Path;

use kiket_core::run::{Event, Run};
use kiket_store::{Filter, Position, RunFilter, Store};

/// Opens the database of a stopped server and checks it:
/// the file is sound and sequences are gapless; nothing is stuck; every run's state is
/// the fold of its events; no stage ended twice; every attempt is started once.
pub(crate) async fn check(path: &Path) {
    let store = Store::open(path).await.expect("the database opens");
    assert_eq!(store.integrity().await.expect("it can be checked"), Vec::<String>::new());
    let stuck = store.stuck().await.expect("it can be asked");
    assert!(stuck.is_empty(), "stuck: {stuck:?}");
    let mut before = None;
    loop {
        let rows = store.runs(&RunFilter { before, ..RunFilter::default() }, 200).await.expect("runs can be listed");
        let Some(last) = rows.last() else { break };
        before = Some(last.id);
        for row in rows {
            let stored: Run = serde_json::from_str(&row.state).expect("the state is a run");
            let events = events(&store, row.id).await;
            let mut fold = Run::default();
            for (event, at) in &events {
                fold.apply(event, *at);
            }
            assert_eq!(fold, stored, "the state of {} is not the fold of its events", row.id);
            assert_eq!(row.status, stored.status.word());
            check_story(&events.into_iter().map(|(event, _)| event).collect::<Vec<_>>());
        }
    }
    store.close().await;
}

async fn events(store: &Store, run: kiket_core::RunId) -> Vec<(Event, kiket_core::Timestamp)> {
    let filter = Filter { run: Some(run), ..Filter::default() };
    let (mut events, mut after) = (Vec::new(), Position::ZERO);
    loop {
        let entries = store.tail(after, &filter, 1_000).await.expect("the log can be read");
        let Some(last) = entries.last() else { return events };
        after = last.position;
        for entry in entries.into_iter().filter(|entry| entry.seq.is_some()) {
            events.push((serde_json::from_str(&entry.data).expect("an event"), entry.at));
        }
    }
}

fn check_story(events: &[Event]) {
    let mut ended = std::collections::BTreeSet::new();
    let mut started = std::collections::BTreeSet::new();
    for event in events {
        match event {
            Event::StageStarted { stage, attempt } => {
                assert!(!ended.contains(stage), "{stage} started after it had ended");
                assert!(started.insert((stage.clone(), *attempt)), "attempt {attempt} of {stage} started twice");
            }
            Event::StageSucceeded { stage, .. }
            | Event::StageFailed { stage, .. }
            | Event::StageSkipped { stage, .. }
            | Event::StageCancelled { stage } => {
                assert!(ended.insert(stage.clone()), "{stage} ended twice");
            }
            _ => {}
        }
    }
}
