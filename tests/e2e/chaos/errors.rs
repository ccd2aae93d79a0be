//! A disk that fails: system calls of the server return an error instead of doing anything.
//!
//! No success is told that is not kept. Where a sync or a write failed, the server ends, with one line; where there was
//! no space, it goes on as soon as there is some. The next server finds everything.

use std::time::Duration;

use kiket_core::planted::Bug;
use rand::{SeedableRng as _, rngs::ChaCha8Rng};

use super::place::Place;
use super::points::{finish, place_after, points, recover, side_by_side};
use super::script::{Broken, Script};
use super::seed::Seed;
use super::tally::{Amount, Flaw, Kind, Round, Tally, seed};
use super::tracer::{Injection, Tracer};

/// What fails, and how.
const FAILURES: [(&str, &str, Lasts); 6] = [
    ("fsync", "error=EIO", Lasts::Once),
    ("pwrite64", "error=ENOSPC", Lasts::ForEver),
    ("pwrite64", "error=EIO", Lasts::Once),
    ("pwrite64", "error=ENOSPC", Lasts::AWhile),
    ("fsync", "error=EIO", Lasts::ForEver),
    ("ftruncate", "error=EIO", Lasts::Once),
];

/// The answers that tell of a disk that fails.
const TOLD: [(u16, &str); 3] = [(503, "storage_failed"), (503, "shutting_down"), (507, "storage_full")];

/// How many calls fail.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lasts {
    Once,
    AWhile,
    ForEver,
}

struct Failure {
    injection: Injection,
    lasts: Lasts,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_loses_nothing_that_was_acknowledged() {
    let amount = Amount::of("KIKET_CHAOS_ERRORS", 12);
    fail(&amount, &FAILURES, None, "I/O errors").await.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_disk_finds_an_answer_before_the_commit() {
    let writes = [("pwrite64", "error=EIO", Lasts::Once)];
    let bug = Some(Bug::AcknowledgedBeforeCommit);
    // Not every write that fails is one that somebody was told of.
    for _ in 0..8 {
        if fail(&Amount::only(4), &writes, bug, "I/O errors, with a bug").await.of(Kind::Lost) > 0 {
            return;
        }
    }
    panic!("an answer before the commit was not noticed");
}

async fn fail(
    amount: &Amount,
    failures: &[(&'static str, &'static str, Lasts)],
    planted: Option<Bug>,
    what: &'static str,
) -> Tally {
    let mut random = ChaCha8Rng::seed_from_u64(seed());
    let mut ground = Seed::grow().await;
    if planted.is_some() {
        // What a bug has lost is waited for in vain.
        ground.patience = Duration::from_secs(8);
    }
    let tally = Tally::new(what);
    loop {
        let all = choose(&ground, amount.many, failures, &mut random).await;
        side_by_side(&all, amount, async |failure| {
            let mut place = ground.copy();
            place.plant(planted);
            tally.add(round(&ground, place, failure).await);
        });
        if !amount.goes_on() {
            return tally;
        }
    }
}

/// Chooses so many, one of each kind in turn, so that a few are of all kinds.
async fn choose(
    ground: &Seed,
    many: usize,
    failures: &[(&'static str, &'static str, Lasts)],
    random: &mut ChaCha8Rng,
) -> Vec<Failure> {
    let mut chosen = Vec::new();
    for (call, what, lasts) in failures {
        let share = many.div_ceil(failures.len());
        let places = points(ground, share, &[(call, 1)], what, random).await;
        chosen.push(places.into_iter().map(|mut injection| {
            match lasts {
                Lasts::Once => {}
                Lasts::ForEver => injection.when += "+",
                Lasts::AWhile => {
                    let first: u32 = injection.when.parse().expect("it is a number");
                    injection.when = format!("{first}..{}", first + 9);
                }
            }
            Failure { injection, lasts: *lasts }
        }));
    }
    let mut all = Vec::new();
    loop {
        let before = all.len();
        all.extend(chosen.iter_mut().filter_map(Iterator::next));
        if all.len() == before || all.len() >= many {
            all.truncate(many);
            return all;
        }
    }
}

async fn round(ground: &Seed, mut place: Place, failure: &Failure) -> Round {
    let Failure { injection, lasts } = failure;
    let script = Script::of_failing_disk(ground, *lasts == Lasts::AWhile);
    let name = format!("{} {} {}", injection.call, injection.what, injection.when);
    let mut round = Round { name, ..Round::default() };
    if place.boot(Some(&Tracer::injecting(injection))).is_some() {
        suffer(ground, &mut place, &script, *lasts, &mut round.flaws).await;
    } else {
        let status = place.ended(ground.patience).await;
        let says = place.words().lines().any(|line| line.starts_with("error: "));
        if !says || status.and_then(|status| status.code()) != Some(1) {
            let text = format!("it did not start, and ended with {status:?} and: {}", place.words());
            round.flaws.push(Flaw::new(Kind::Corrupt, text));
        }
    }
    place.kill();
    let answers = script.refused().into_iter().filter(|(status, _)| *status >= 500);
    for (status, code) in answers.filter(|(status, code)| !TOLD.contains(&(*status, code.as_str()))) {
        round.flaws.push(Flaw::new(Kind::Corrupt, format!("answered {status} {code}")));
    }
    round.recovery = recover(&mut place, &mut round.flaws).await;
    finish(ground, &place_after(ground, place, &script, &mut round).await, &script, round, 1).await
}

/// Drives the script as far as it goes.
async fn suffer(ground: &Seed, place: &mut Place, script: &Script<'_>, lasts: Lasts, flaws: &mut Vec<Flaw>) {
    // Where there will never be space, nothing comes to an end.
    let limit = if lasts == Lasts::ForEver { Duration::from_secs(3) } else { ground.patience };
    let driven = tokio::time::timeout(limit, script.drive(place)).await;
    match driven {
        Ok(Ok(())) => {}
        Err(_) if lasts == Lasts::ForEver => {}
        Err(_) => flaws.push(Flaw::new(Kind::Stuck, "nothing goes on after the disk is well again")),
        Ok(Err(Broken::Wrong(text))) => flaws.push(Flaw::new(Kind::Corrupt, text)),
        Ok(Err(Broken::Refused(507, _))) => {}
        // It ends by itself where it cannot go on.
        Ok(Err(Broken::Gone | Broken::Refused(..))) => match place.ended(ground.patience).await {
            Some(status) if status.code() == Some(1) => {
                let lines = place.words().lines().filter(|line| line.starts_with("error: ")).count();
                if lines != 1 {
                    flaws.push(Flaw::new(Kind::Corrupt, format!("it ended with {lines} lines: {}", place.words())));
                }
            }
            status => flaws.push(Flaw::new(Kind::Corrupt, format!("it ended with {status:?}: {}", place.words()))),
        },
    }
}
