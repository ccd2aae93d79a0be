//! Power cuts: the life of a server is recorded once, and every state that a cut could have left behind is checked.
//!
//! What is acknowledged has to be there whatever became of what was not synced. The states are made up from the trace
//! ([`disk`]), so no disk is needed that forgets; nothing here says that a disk keeps what it was told to sync.

mod disk;
mod record;
mod state;
mod trace;

use std::path::{Path, PathBuf};

use kiket_core::planted::Bug;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};
use tempfile::TempDir;

use super::place::Place;
use super::points::side_by_side;
use super::script::{Broken, Fact, Script};
use super::seed::Seed;
use super::tally::{Amount, Flaw, Kind, Round, Tally, seed};
use super::tracer::{Injection, Tracer};
use record::Record;

/// How many states are made before they are checked.
const BATCH: usize = 48;

/// The state after a power cut.
struct State {
    name: String,
    survivors: disk::Survivors,
    facts: Vec<Fact>,
    /// Whether a server is started over it as well.
    boot: bool,
    /// The address of the repository.
    origin: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_any_acknowledgement_leaves_everything_acknowledged() {
    let amount = Amount::of("KIKET_CHAOS_STATES", 120);
    let ground = Seed::grow().await;
    let life = Life::live(&ground, None).await;
    let tally = Tally::new("power cuts");
    check(&ground, &life, &amount, &tally);
    tally.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn power_cuts_find_a_commit_that_does_not_wait_for_the_disk() {
    let ground = Seed::grow().await;
    let life = Life::live(&ground, Some(Bug::CommitWithoutSync)).await;
    let tally = Tally::new("power cuts, with a bug");
    check(&ground, &life, &Amount::only(60), &tally);
    assert!(tally.of(Kind::Lost) > 0, "a commit without a sync was not noticed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_synced_is_not_built_upon_by_the_next_server() {
    let ground = Seed::grow().await;
    let life = Life::with_a_failed_sync(&ground).await;
    let tally = Tally::new("power cuts after a failed sync");
    check(&ground, &life, &Amount::of("KIKET_CHAOS_FAILED", 60), &tally);
    tally.end();
}

/// A recorded life, and the folder it was lived in.
struct Life {
    record: Record,
    token: String,
    _folder: TempDir,
}

impl Life {
    /// From an empty folder to the end of the script.
    async fn live(ground: &Seed, planted: Option<Bug>) -> Self {
        let (mut place, script, folder) = Self::begin(ground, planted);
        let trace = folder.path().join("trace");
        place.boot(Some(&Tracer::recording(&record::CALLS, &trace, None))).expect("the server starts");
        let driven = tokio::time::timeout(ground.patience, script.found_and_drive(&place)).await;
        assert_eq!(driven.expect("nothing is stuck"), Ok(()));
        place.kill();
        Self::end(&place, &script, &[trace], folder)
    }

    /// The same for a server whose database could not be synced at some time, and the one after it.
    async fn with_a_failed_sync(ground: &Seed) -> Self {
        let (mut place, script, folder) = Self::begin(ground, None);
        let first = folder.path().join("trace");
        place.boot(Some(&Tracer::recording(&record::CALLS, &first, None))).expect("the server starts");
        let driven = tokio::time::timeout(ground.patience, script.found(&place)).await;
        assert_eq!(driven.expect("nothing is stuck"), Ok(()));
        place.kill();
        // From then on, so that the server that ends cannot put anything right either; the script needs more syncs.
        let failed = folder.path().join("trace-failed");
        let injection = Injection { call: "fsync", what: "error=EIO", when: "20+".to_owned() };
        place.boot(Some(&Tracer::recording(&record::CALLS, &failed, Some(&injection)))).expect("the server starts");
        let driven = tokio::time::timeout(ground.patience, script.drive(&place)).await;
        assert!(matches!(driven, Ok(Err(Broken::Gone | Broken::Refused(503, _)))), "{driven:?}");
        let status = place.ended(ground.patience).await.expect("it ends by itself");
        assert_eq!(status.code(), Some(1));
        let last = folder.path().join("trace-last");
        place.boot(Some(&Tracer::recording(&record::CALLS, &last, None))).expect("the server starts");
        let driven = tokio::time::timeout(ground.patience, script.drive(&place)).await;
        assert_eq!(driven.expect("nothing is stuck"), Ok(()));
        place.kill();
        Self::end(&place, &script, &[first, failed, last], folder)
    }

    fn begin(ground: &Seed, planted: Option<Bug>) -> (Place, Script<'_>, TempDir) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut place = Place::at(tempfile::tempdir().expect("a temporary folder"), "");
        place.plant(planted);
        (place, Script::new(ground), folder)
    }

    fn end(place: &Place, script: &Script<'_>, traces: &[PathBuf], folder: TempDir) -> Self {
        let record = Record::read(place.root(), traces, script.timed_facts());
        eprintln!("{} calls, {} facts", record.calls.len(), record.facts.len());
        Self { record, token: place.token().to_owned(), _folder: folder }
    }
}

/// Checks so many states of a life.
fn check(ground: &Seed, life: &Life, amount: &Amount, tally: &Tally) {
    let mut random = ChaCha8Rng::seed_from_u64(seed());
    loop {
        pass(ground, life, amount, tally, &mut random);
        if !amount.goes_on() {
            return;
        }
    }
}

fn pass(ground: &Seed, life: &Life, amount: &Amount, tally: &Tally, random: &mut ChaCha8Rng) {
    let record = &life.record;
    let mut cuts: Vec<usize> = (0..amount.many)
        .map(|index| match index % 4 {
            0 => random.random_range(0..record.calls.len()),
            _ => record.facts[random.random_range(0..record.facts.len())].0,
        })
        .collect();
    cuts.sort_unstable();
    let boots = (amount.many / 100).clamp(2, 20);
    let mut disk = record.disk();
    let mut calls = record.calls.iter().enumerate().peekable();
    for batch in cuts.chunks(BATCH) {
        let make = |cut: &usize| {
            while let Some((_, call)) = calls.next_if(|(index, _)| index <= cut) {
                disk.apply(call);
            }
            let facts = record.facts.iter().filter(|(behind, _)| behind <= cut).map(|(_, fact)| fact.clone()).collect();
            let boot = random.random_range(0..amount.many) < boots;
            let name = format!("cut {} behind call {cut}", random.random::<u32>());
            State { name, survivors: disk.cut(random), facts, boot, origin: ground.origin() }
        };
        let states: Vec<State> = batch.iter().map(make).collect();
        side_by_side(&states, amount, async |state| {
            let mut round = Round { name: state.name.clone(), ..Round::default() };
            round.flaws = state::check(state).await;
            if state.boot && round.flaws.is_empty() {
                round.flaws = boot(ground, life, state).await;
            }
            tally.add(round);
        });
        if amount.is_over() {
            break;
        }
    }
}

/// Starts a server over what is left: it looks at its repository and runs a pipeline, if it has come that far.
async fn boot(ground: &Seed, life: &Life, state: &State) -> Vec<Flaw> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), &state.survivors);
    let mut place = Place::at(folder, &life.token);
    if place.boot(None).is_none() {
        return vec![Flaw::new(Kind::Corrupt, format!("the server does not start: {}", place.words()))];
    }
    if !state.facts.iter().any(|fact| matches!(fact, Fact::Published(_))) {
        return Vec::new();
    }
    let script = Script::new(ground);
    let driven = tokio::time::timeout(ground.patience, script.look_and_run(&place)).await;
    place.kill();
    let mut flaws = super::verify::words(&place.words());
    match driven {
        Ok(Ok(())) => {}
        Ok(Err(broken)) => {
            flaws.push(Flaw::new(Kind::Corrupt, format!("the server is not of use: {broken:?} {}", place.words())));
        }
        Err(_) => flaws.push(Flaw::new(Kind::Stuck, "the server does not run anything")),
    }
    flaws.extend(super::verify::check(&place.database()).await);
    flaws
}

/// Writes what is left into a folder.
fn write(folder: &Path, survivors: &disk::Survivors) {
    for path in &survivors.folders {
        std::fs::create_dir_all(folder.join(path)).expect("a folder");
    }
    for (path, bytes) in &survivors.files {
        let path = folder.join(path);
        std::fs::write(&path, bytes).expect("a file");
        if path.ends_with("master.key") {
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, private).expect("the mode can be set");
        }
    }
}
