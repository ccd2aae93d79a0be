//! What has to be true afterwards, of the database, of the folder beside it and of the far side of the network.

use std::collections::BTreeMap;
use std::path::Path;

use kiket::invariants::Invariant;
use kiket_core::run::{Event, Run, RunStatus, Stage, StageState};
use kiket_store::{DeliveryStatus, Filter, Position, RunFilter, RunRow, Store};
use sha2::{Digest as _, Sha256};

use super::place::Place;
use super::script::{Fact, RUNS, Script};
use super::seed::Seed;
use super::tally::{Flaw, Kind};
use crate::checker;

/// How often a server was killed while the script was under way.
pub(super) type Kills = usize;

/// Checks a place that nobody serves and whose script has come to its end.
pub(super) async fn everything(place: &Place, seed: &Seed, script: &Script<'_>, kills: Kills) -> Vec<Flaw> {
    let mut flaws = words(&place.words());
    match Store::open(&place.database()).await {
        Ok(store) => {
            flaws.extend(facts(&store, &script.facts()).await);
            flaws.extend(runs(&store, seed, script.disk_fails, kills).await);
            flaws.extend(files(&store, &place.data()).await);
            store.close().await;
        }
        Err(error) => return vec![Flaw::new(Kind::Corrupt, format!("the database cannot be opened: {error}"))],
    }
    flaws.extend(check(&place.database()).await);
    flaws
}

/// What a server must not say.
pub(super) fn words(said: &str) -> Vec<Flaw> {
    let panics = said.lines().filter(|line| line.contains("panicked at"));
    panics.map(|line| Flaw::new(Kind::Corrupt, line)).collect()
}

/// Everything that was acknowledged is there.
pub(super) async fn facts(store: &Store, facts: &[Fact]) -> Vec<Flaw> {
    let mut lost = Vec::new();
    for fact in facts {
        let is_there = match fact {
            Fact::Run(run) => store.run(*run).await.is_ok_and(|row| row.is_some()),
            Fact::Delivery(delivery) => store.delivery(*delivery).await.is_ok_and(|row| row.is_some()),
            Fact::Project(name) => store.project_by_name(name).await.is_ok_and(|row| row.is_some()),
            Fact::Published(revision) => store.revision(*revision).await.is_ok_and(|row| row.is_some()),
            Fact::Item(item) => store.item(*item).await.is_ok_and(|row| row.is_some()),
            Fact::Ended(run) => store.run(*run).await.is_ok_and(|row| row.is_some_and(|row| row.terminal)),
            Fact::Approved(run) => {
                let filter =
                    Filter { run: Some(*run), kinds: vec!["approval.granted".to_owned()], ..Filter::default() };
                store.tail(Position::ZERO, &filter, 1).await.is_ok_and(|entries| !entries.is_empty())
            }
            Fact::Shipped(item) => {
                let filter = Filter { item: Some(*item), kinds: vec!["item.waiting".to_owned()], ..Filter::default() };
                store.tail(Position::ZERO, &filter, 1).await.is_ok_and(|entries| !entries.is_empty())
            }
        };
        if !is_there {
            lost.push(Flaw::new(Kind::Lost, format!("acknowledged, and not there: {fact:?}")));
        }
    }
    lost
}

/// There is one run for each cause, it has ended well, and the sink has seen what it did.
async fn runs(store: &Store, seed: &Seed, disk_fails: bool, kills: Kills) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let rows = store.runs(&RunFilter::default(), 200).await.expect("runs can be listed");
    let new = rows.len().saturating_sub(seed.runs);
    if new != RUNS {
        let kind = if new > RUNS { Kind::Doubled } else { Kind::Lost };
        flaws.push(Flaw::new(kind, format!("{new} runs came of {RUNS} causes")));
    }
    for row in rows.iter().take(new) {
        let state: Run = serde_json::from_str(&row.state).expect("the state is a run");
        // What cannot be kept is said to the stage that wanted to keep it.
        let is_failed = |stage: &Stage| &*stage.id == "keep" && matches!(stage.state, StageState::Failed { .. });
        let excused = disk_fails && state.stages.iter().any(is_failed);
        if state.status != RunStatus::Succeeded && !excused {
            flaws.push(Flaw::new(Kind::Stuck, format!("run {} is {}", row.id, row.status)));
        }
        flaws.extend(effects(seed, row, &state, kills));
        flaws.extend(approvals(store, row).await);
    }
    if let Some(row) = rows.first() {
        for delivery in store.deliveries(row.project, 200).await.expect("deliveries can be listed") {
            if delivery.status != DeliveryStatus::Done {
                let text = format!("delivery {} is {}: {}", delivery.id, delivery.status, delivery.note);
                flaws.push(Flaw::new(Kind::Stuck, text));
            }
        }
    }
    flaws
}

/// What the sink has seen of a run: `once` once, `idempotent` at most once more for each kill and to the letter, and
/// nothing is missing.
fn effects(seed: &Seed, row: &RunRow, state: &Run, kills: Kills) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let mut seen: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for payment in seed.sink.of_run(&row.id.to_string()) {
        seen.entry((payment.path, payment.key)).or_default().push(payment.body);
    }
    for ((path, key), bodies) in &seen {
        let most = if path == "/once" { 1 } else { 1 + kills };
        if bodies.len() > most {
            flaws.push(Flaw::new(Kind::Doubled, format!("{key} was seen {} times", bodies.len())));
        }
        if bodies.iter().any(|body| *body != bodies[0]) {
            flaws.push(Flaw::new(Kind::Corrupt, format!("{key} was not always the same: {bodies:#?}")));
        }
    }
    let parts = |stage: &str| match (row.pipeline.as_str(), stage) {
        ("pay", "idem") => 2,
        (_, "idem" | "once" | "tell") => 1,
        _ => 0,
    };
    for stage in &state.stages {
        for part in 0..parts(&stage.id) {
            let key = format!("{}/{}#{part}", row.id, stage.id);
            if !seen.keys().any(|(_, seen)| *seen == key) {
                flaws.push(Flaw::new(Kind::Lost, format!("{key} was never seen")));
            }
        }
    }
    flaws
}

/// A person's word is taken once.
async fn approvals(store: &Store, row: &RunRow) -> Vec<Flaw> {
    let filter = Filter { run: Some(row.id), ..Filter::default() };
    let entries = store.tail(Position::ZERO, &filter, 1_000).await.expect("the log can be read");
    let granted = entries.iter().filter(|entry| entry.kind == "approval.granted").count();
    let readable = entries.iter().filter(|entry| entry.seq.is_some());
    for entry in readable {
        if let Err(error) = serde_json::from_str::<Event>(&entry.data) {
            return vec![Flaw::new(Kind::Corrupt, format!("event {:?} of {}: {error}", entry.seq, row.id))];
        }
    }
    let twice = granted > 1;
    twice
        .then(|| Flaw::new(Kind::Doubled, format!("run {} was approved {granted} times", row.id)))
        .into_iter()
        .collect()
}

/// What the database names is there, whole.
pub(super) async fn files(store: &Store, data: &Path) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for digest in store.artifact_digests().await.expect("artifacts can be listed") {
        let hex = digest.trim_start_matches("sha256:");
        let path = data.join("artifacts").join(&hex[..2]).join(hex);
        match std::fs::read(&path) {
            Ok(bytes) if hex::encode(Sha256::digest(&bytes)) == hex => {}
            Ok(_) => flaws.push(Flaw::new(Kind::Corrupt, format!("artifact {digest} is not whole"))),
            Err(error) => flaws.push(Flaw::new(Kind::Lost, format!("artifact {digest}: {error}"))),
        }
    }
    flaws
}

/// Asks the invariants checker.
pub(super) async fn check(database: &Path) -> Vec<Flaw> {
    // As a server leaves it that has just started: one that was cut off before it had made its tables has none.
    match Store::open(database).await {
        Ok(store) => store.close().await,
        Err(error) => return vec![Flaw::new(Kind::Corrupt, format!("the database does not open: {error:?}"))],
    }
    let violations = checker::violations(database).await;
    violations.iter().map(|violation| Flaw::new(kind(violation.invariant), violation.to_string())).collect()
}

fn kind(invariant: Invariant) -> Kind {
    match invariant {
        Invariant::NothingStuck | Invariant::WorkFitsState => Kind::Stuck,
        Invariant::OneOutcome | Invariant::OneRunPerCause => Kind::Doubled,
        _ => Kind::Corrupt,
    }
}
