//! What came of many rounds, in one line that `cargo xtask chaos` makes a table of.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;

/// What must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Something acknowledged is not there.
    Lost,
    /// Something happened twice that may happen once.
    Doubled,
    /// Something does not go on.
    Stuck,
    /// What is there contradicts itself, or the server misbehaved.
    Corrupt,
}

/// One thing that must not be.
#[derive(Debug, Clone)]
pub(super) struct Flaw {
    pub(super) kind: Kind,
    pub(super) text: String,
}

impl Flaw {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.text)
    }
}

/// What came of one round.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Which, for whoever wants to see it again.
    pub(super) name: String,
    pub(super) flaws: Vec<Flaw>,
    /// How long it took until everything went on.
    pub(super) recovery: Option<Duration>,
}

/// Counts rounds.
pub(super) struct Tally {
    what: &'static str,
    begun: Instant,
    rounds: Mutex<Rounds>,
}

#[derive(Default)]
struct Rounds {
    many: usize,
    flaws: Vec<(String, Flaw)>,
    slowest: Duration,
    recovered: usize,
}

impl Tally {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, begun: Instant::now(), rounds: Mutex::default() }
    }

    pub(super) fn add(&self, round: Round) {
        let mut rounds = self.rounds.lock().expect("no panic");
        rounds.many += 1;
        if let Some(recovery) = round.recovery {
            rounds.recovered += 1;
            rounds.slowest = rounds.slowest.max(recovery);
        }
        for flaw in round.flaws {
            eprintln!("{}: {flaw}", round.name);
            rounds.flaws.push((round.name.clone(), flaw));
        }
    }

    /// How many rounds had a flaw of a kind.
    pub(super) fn of(&self, kind: Kind) -> usize {
        self.rounds.lock().expect("no panic").of(kind)
    }

    /// Says what came of it.
    pub(super) fn tell(&self) {
        let rounds = self.rounds.lock().expect("no panic");
        let of = |kind| rounds.of(kind);
        let slowest = (rounds.recovered > 0).then(|| rounds.slowest.as_millis());
        let line = json!({
            "what": self.what, "many": rounds.many, "lost": of(Kind::Lost), "doubled": of(Kind::Doubled),
            "stuck": of(Kind::Stuck), "corrupt": of(Kind::Corrupt), "slowest_ms": slowest,
            "seconds": self.begun.elapsed().as_secs(),
        });
        println!("chaos: {line}");
    }

    /// Says what came of it, and fails where there are flaws.
    pub(super) fn end(self) {
        self.tell();
        let rounds = self.rounds.into_inner().expect("no panic");
        let told: Vec<String> = rounds.flaws.iter().take(20).map(|(name, flaw)| format!("{name}: {flaw}")).collect();
        assert!(told.is_empty(), "{} flaws:\n{}", rounds.flaws.len(), told.join("\n"));
    }
}

impl Rounds {
    fn of(&self, kind: Kind) -> usize {
        let named: BTreeSet<&str> =
            self.flaws.iter().filter(|(_, flaw)| flaw.kind == kind).map(|(name, _)| name.as_str()).collect();
        named.len()
    }
}

/// How much of something there is to do: a number from the environment, and an end in time.
pub(super) struct Amount {
    pub(super) many: usize,
    until: Option<Instant>,
}

impl Amount {
    /// The number that `name` says, or `short`; for no longer than `KIKET_CHAOS_SECONDS` where that is set.
    pub(super) fn of(name: &str, short: usize) -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("it is a number"));
        let until = number("KIKET_CHAOS_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds as u64));
        Self { many: number(name).unwrap_or(short), until }
    }

    /// The number, always.
    pub(super) fn only(many: usize) -> Self {
        Self { many, until: None }
    }

    /// Whether everything is to be done once more: there is a time, and it is not up.
    pub(super) fn goes_on(&self) -> bool {
        self.until.is_some() && !self.is_over()
    }

    /// Whether time is up.
    pub(super) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() > until)
    }
}

/// The seed of what is random: another one each time, unless `KIKET_CHAOS_SEED` says which.
pub(super) fn seed() -> u64 {
    let seed = std::env::var("KIKET_CHAOS_SEED").ok().map(|text| text.parse().expect("it is a number"));
    let seed = seed.unwrap_or_else(rand::random);
    eprintln!("KIKET_CHAOS_SEED={seed}");
    seed
}
