//! kill -9 at the K-th system call of the server: what it writes to the database, what it syncs, what it answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha8Rng};

use super::place::Place;
use super::script::{Broken, Script};
use super::seed::Seed;
use super::tally::{Amount, Flaw, Kind, Round, Tally, seed};
use super::tracer::{Injection, Tracer, count};
use super::verify;

/// How soon all work is taken up after a start, on a machine with other things to do.
const RECOVERY: Duration = Duration::from_secs(10);
/// The calls that are killed at, and how many of a hundred points, about, are at each of them: writes of the database, syncs, and
/// what goes to the network and to other threads.
const CALLS: [(&str, usize); 7] =
    [("pwrite64", 50), ("fsync", 25), ("fdatasync", 25), ("sendto", 10), ("write", 5), ("writev", 10), ("rename", 5)];
/// What is counted of them, and more that can fail.
const COUNTED: [&str; 8] = ["pwrite64", "fsync", "fdatasync", "sendto", "write", "writev", "rename", "ftruncate"];

/// Works on all of them, some at once, until time is up. Each has a thread to itself, which it may block.
pub(super) fn side_by_side<T: Sync>(all: &[T], amount: &Amount, work: impl AsyncFn(&T) + Sync) {
    let lanes = std::env::var("KIKET_CHAOS_LANES").ok().map_or(2, |text| text.parse().expect("it is a number"));
    let next = AtomicUsize::new(0);
    let lane = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        while let Some(one) = all.get(next.fetch_add(1, Ordering::SeqCst)).filter(|_| !amount.is_over()) {
            runtime.block_on(work(one));
        }
    };
    thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(lane);
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_chosen_system_calls_lose_nothing_and_double_nothing() {
    let amount = Amount::of("KIKET_CHAOS_POINTS", 20);
    kill(&amount).await.end();
}

/// Kills a server at so many points.
async fn kill(amount: &Amount) -> Tally {
    let mut random = ChaCha8Rng::seed_from_u64(seed());
    let ground = Seed::grow().await;
    let tally = Tally::new("kill points");
    loop {
        let points = points(&ground, amount.many, &CALLS, "signal=SIGKILL", &mut random).await;
        side_by_side(&points, amount, async |point| {
            tally.add(round(&ground, ground.copy(), point).await);
        });
        if !amount.goes_on() {
            return tally;
        }
    }
}

/// Chooses points: the first and the last of each call, and what lies between evenly, in random order.
pub(super) async fn points(
    ground: &Seed,
    many: usize,
    calls: &[(&'static str, usize)],
    what: &'static str,
    random: &mut ChaCha8Rng,
) -> Vec<Injection> {
    let most = ground.calls.get_or_init(|| dry_run(ground)).await;
    let known: Vec<(&str, u32, usize)> =
        calls.iter().filter_map(|(call, weight)| Some((*call, *most.get(*call)?, *weight))).collect();
    let weights: usize = known.iter().map(|(_, _, weight)| weight).sum();
    let mut points = Vec::new();
    for (call, most, weight) in known {
        let share = (many * weight).div_ceil(weights).max(1);
        for index in 0..share {
            // One from each of as many parts of equal length as there are points.
            let part = f64::from(most) / share as f64;
            let offset: f64 = random.random_range(0.0..1.0);
            let at = ((index as f64 + offset) * part) as u32 + 1;
            points.push(Injection { call, what, when: at.min(most).to_string() });
        }
    }
    points.shuffle(random);
    points.truncate(many);
    points
}

/// Counts the calls of a server that nothing happens to.
async fn dry_run(ground: &Seed) -> BTreeMap<String, u32> {
    let mut place = ground.copy();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    place.boot(Some(&Tracer::counting(&COUNTED, file.path()))).expect("the server starts");
    let script = Script::new(ground);
    let driven = tokio::time::timeout(ground.patience, script.drive(&place)).await;
    assert_eq!(driven.expect("nothing is stuck"), Ok(()));
    place.kill();
    let flaws = verify::everything(&place, ground, &script, 0).await;
    assert!(flaws.is_empty(), "without any kill: {flaws:#?}");
    let most = count(file.path());
    eprintln!("calls of one thread, at most: {most:?}");
    most
}

/// One kill, one restart, and a look at everything.
async fn round(ground: &Seed, mut place: Place, point: &Injection) -> Round {
    let script = Script::new(ground);
    let mut round = Round { name: format!("{} {} {}", point.what, point.call, point.when), ..Round::default() };
    if place.boot(Some(&Tracer::injecting(point))).is_some() {
        match tokio::time::timeout(ground.patience, script.drive(&place)).await {
            // Where the point was not reached, the end is one.
            Ok(Ok(()) | Err(Broken::Gone)) => {}
            Ok(Err(broken)) => round.flaws.push(Flaw::new(Kind::Corrupt, format!("before the kill: {broken:?}"))),
            Err(_) => round.flaws.push(Flaw::new(Kind::Stuck, "before the kill")),
        }
    }
    place.kill();
    round.recovery = recover(&mut place, &mut round.flaws).await;
    finish(ground, &place_after(ground, place, &script, &mut round).await, &script, round, 1).await
}

/// Starts a server where another was killed; returns how long it took until all work was taken up.
pub(super) async fn recover(place: &mut Place, flaws: &mut Vec<Flaw>) -> Option<Duration> {
    let begun = Instant::now();
    if place.boot(None).is_none() {
        flaws.push(Flaw::new(Kind::Corrupt, format!("the server does not start again: {}", place.words())));
        return None;
    }
    let claimed = place.all_claimed().await;
    let took = begun.elapsed();
    if !claimed || took > RECOVERY {
        flaws.push(Flaw::new(Kind::Stuck, format!("not all work was taken up after {took:?}")));
    }
    Some(took)
}

/// Lets the clients come to their ends, and stops the server.
pub(super) async fn place_after(ground: &Seed, mut place: Place, script: &Script<'_>, round: &mut Round) -> Place {
    match tokio::time::timeout(ground.patience, script.drive(&place)).await {
        Ok(Ok(())) => {}
        Ok(Err(Broken::Refused(404, code))) => {
            round.flaws.push(Flaw::new(Kind::Lost, format!("what was acknowledged is not found: {code}")));
        }
        Ok(Err(broken)) => round.flaws.push(Flaw::new(Kind::Corrupt, format!("after the kill: {broken:?}"))),
        Err(_) => round.flaws.push(Flaw::new(Kind::Stuck, "after the kill")),
    }
    place.kill();
    place
}

/// Looks at everything.
pub(super) async fn finish(ground: &Seed, place: &Place, script: &Script<'_>, mut round: Round, kills: usize) -> Round {
    round.flaws.extend(verify::everything(place, ground, script, kills).await);
    if !round.flaws.is_empty() {
        eprintln!("{}: the server said\n{}", round.name, place.words());
    }
    round
}
