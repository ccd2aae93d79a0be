//! Seed after seed.

use std::time::{Duration, Instant, SystemTime};

use super::{Report, simulate};

/// Seeds that are always tried.
const FIXED: u64 = 300;
/// How long fresh ones are tried after them.
const TIME: Duration = Duration::from_secs(8);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Says what is wrong with a seed, and how to see it again.
pub(super) fn complaint(seed: u64, report: &Report) -> String {
    format!(
        "seed {seed}: {}\nKIKET_SEED={seed} cargo nextest run -p kiket --lib simulation::seeds --no-capture",
        report.flaws.join("\n  ")
    )
}

#[test]
fn everything_holds_whatever_a_seed_brings() {
    if let Some(seed) = number("KIKET_SEED") {
        let report = simulate(seed, true);
        assert!(report.flaws.is_empty(), "{}", complaint(seed, &report));
        return;
    }
    let begun = Instant::now();
    let (mut count, mut steps, mut flaws) = (0, 0, Vec::new());
    let mut attempt = |seed: u64| {
        let report = simulate(seed, false);
        count += 1;
        steps += report.steps;
        if !report.flaws.is_empty() {
            flaws.push(complaint(seed, &report));
        }
        flaws.len() < 5
    };
    if (0..FIXED).all(&mut attempt) {
        let first = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let first = u64::try_from(first.as_micros()).unwrap_or_default();
        let time = number("KIKET_CHAOS_SECONDS").map(Duration::from_secs);
        match (number("KIKET_SEEDS"), time) {
            (Some(wanted), None) => drop((first..first + wanted).all(&mut attempt)),
            (_, time) => drop((first..).take_while(|_| begun.elapsed() < time.unwrap_or(TIME)).all(&mut attempt)),
        }
    }
    let time = begun.elapsed();
    println!("{count} seeds, {steps} steps in {time:?}: {:.0} seeds/s", f64::from(count) / time.as_secs_f64());
    assert!(flaws.is_empty(), "{}", flaws.join("\n\n"));
    println!(r#"chaos: {{"what":"simulation seeds","many":{count},"lost":0,"doubled":0,"stuck":0,"corrupt":0}}"#);
}

#[test]
fn the_same_seed_goes_the_same_way_twice() {
    for seed in 0..20 {
        assert_eq!(simulate(seed, false).hash, simulate(seed, false).hash, "seed {seed}");
    }
}
