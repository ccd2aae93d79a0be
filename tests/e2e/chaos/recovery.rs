//! Kills of a server that has not recovered from a kill yet.

use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha8Rng};

use super::place::Place;
use super::points::{finish, place_after, points, recover, side_by_side};
use super::script::{Broken, Script};
use super::seed::Seed;
use super::tally::{Amount, Flaw, Kind, Round, Tally, seed};
use super::tracer::{Injection, Tracer};

/// Where the first server is killed.
const WRITES: [(&str, usize); 2] = [("pwrite64", 2), ("fsync", 1)];
/// How many calls of each kind a server makes at most before it has recovered, about.
const CALLS: [(&str, u32); 3] = [("pwrite64", 160), ("fsync", 40), ("sendto", 20)];

#[tokio::test(flavor = "multi_thread")]
async fn kills_during_recovery_lose_nothing_and_double_nothing() {
    let amount = Amount::of("KIKET_CHAOS_RECOVERY", 6);
    let mut random = ChaCha8Rng::seed_from_u64(seed());
    let ground = Seed::grow().await;
    let tally = Tally::new("kills during recovery");
    loop {
        let first = points(&ground, amount.many, &WRITES, "signal=SIGKILL", &mut random).await;
        let mut second = |index: usize| {
            let (call, most) = CALLS[index % CALLS.len()];
            Injection { call, what: "signal=SIGKILL", when: random.random_range(1..=most).to_string() }
        };
        let both: Vec<_> = first.into_iter().enumerate().map(|(index, first)| (first, second(index))).collect();
        side_by_side(&both, &amount, async |(first, second)| {
            tally.add(round(&ground, ground.copy(), first, second).await);
        });
        if !amount.goes_on() {
            return tally.end();
        }
    }
}

/// A kill, a kill of the next server, and a look at everything.
async fn round(ground: &Seed, mut place: Place, first: &Injection, second: &Injection) -> Round {
    let script = Script::new(ground);
    let name = format!("killed at {} {}, then at {} {}", first.call, first.when, second.call, second.when);
    let mut round = Round { name, ..Round::default() };
    for point in [first, second] {
        if place.boot(Some(&Tracer::injecting(point))).is_some() {
            match tokio::time::timeout(ground.patience, script.drive(&place)).await {
                Ok(Ok(()) | Err(Broken::Gone)) => {}
                Ok(Err(broken)) => round.flaws.push(Flaw::new(Kind::Corrupt, format!("before a kill: {broken:?}"))),
                Err(_) => round.flaws.push(Flaw::new(Kind::Stuck, "before a kill")),
            }
        }
        place.kill();
    }
    round.recovery = recover(&mut place, &mut round.flaws).await;
    finish(ground, &place_after(ground, place, &script, &mut round).await, &script, round, 2).await
}
