//! The invariants checker: what has to be true of a database whatever happened before.
//!
//! [`check`] reads one state of it, beside a server that runs or without one, and answers what is not so; nothing is
//! good. A run in flight is no violation: what the engine leaves between two commits is what is checked. `kiket doctor`
//! shows it, and every end-to-end test ends in it. It changes nothing, and it does not look beside the database: whether
//! files are what their digests say is the doctor's.
//!
//! Memory is bounded: runs and items are read in pages, and after [`MOST`] violations it stops looking.

mod content;
mod effects;
mod history;
mod items;
mod runs;
mod work;

use kiket_store::{FlawKind, Snapshot, Store, StoreError};
use serde::Serialize;

/// The most violations that are looked for.
pub const MOST: usize = 1_000;

/// How many rows are read at once.
const PAGE: u32 = 100;

macro_rules! invariants {
    ($($(#[doc = $text:literal])+ $name:ident = $word:literal,)+) => {
        /// What has to be true. The names are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Invariant { $($(#[doc = $text])+ $name,)+ }

        impl Invariant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name, as JSON has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// What it says, in one sentence.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self { $(Self::$name => concat!($($text),+).trim_ascii()),+ }
            }
        }
    };
}

invariants! {
    /// The file is sound, and every reference leads somewhere.
    FileSound = "file-sound",
    /// Events of a run or an item are numbered from 1 without a gap, in the order of the log.
    SequenceGapless = "sequence-gapless",
    /// Positions have no gap, the head is the last one, and nobody who follows the log is ahead of it.
    PositionsInOrder = "positions-in-order",
    /// An entry of the log belongs to the project of its stream, and its columns are what it says.
    EntryFits = "entry-fits",
    /// The state of a run or an item is the fold of its events.
    StateIsFold = "state-is-fold",
    /// The columns of a run or an item are what its state says.
    RowIsState = "row-is-state",
    /// Every event is one that the state before allows.
    EventLegal = "event-legal",
    /// An attempt begins once and has one outcome, and a stage ends once.
    OneOutcome = "one-outcome",
    /// A cause starts one run.
    OneRunPerCause = "one-run-per-cause",
    /// Whatever is open has something that will happen to it, and there is no work about nothing.
    NothingStuck = "nothing-stuck",
    /// The work of an open run is what its stages wait for: each its row, at its attempt and its time.
    WorkFitsState = "work-fits-state",
    /// Leases are of this boot.
    LeaseOfThisBoot = "lease-of-this-boot",
    /// Nothing happens before the time it waits for.
    TimerNeverEarly = "timer-never-early",
    /// Effects belong to attempts that have begun, and none to one that was superseded by then.
    EffectOfItsAttempt = "effect-of-its-attempt",
    /// The live release of an app is the one of the newest switch.
    LiveIsNewest = "live-is-newest",
    /// Texts are what their digests say.
    ContentMatchesDigest = "content-matches-digest",
    /// What plugins keep is as large as it is counted.
    UsageCounted = "usage-counted",
}

/// Something that is not as it has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// What has to be true.
    pub invariant: Invariant,
    /// What it is about: an id, or a name.
    pub about: String,
    /// What was found, in a sentence.
    pub found: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.invariant.name(), self.about, self.found)
    }
}

/// Checks one state of a database. Answers what is not as it has to be, at most [`MOST`], in no order that means
/// anything; one about the same thing is told once. Reads everything, so it takes its time.
///
/// # Errors
/// Only failures of the database: what cannot be read at all, or belongs to another schema.
pub async fn check(store: &Store) -> Result<Vec<Violation>, StoreError> {
    let mut look = store.look().await?;
    let mut snapshot = look.begin().await?;
    let mut report = Report::default();
    store_rules(&mut snapshot, &mut report).await?;
    runs::check(&mut snapshot, &mut report).await?;
    items::check(&mut snapshot, &mut report).await?;
    content::check(&mut snapshot, &mut report).await?;
    Ok(report.violations)
}

/// What the store checks itself, without knowing what states mean.
async fn store_rules(snapshot: &mut Snapshot<'_>, report: &mut Report) -> Result<(), StoreError> {
    for flaw in snapshot.flaws().await? {
        let invariant = match flaw.kind {
            FlawKind::File => Invariant::FileSound,
            FlawKind::Sequence => Invariant::SequenceGapless,
            FlawKind::Live => Invariant::LiveIsNewest,
            FlawKind::Head | FlawKind::Cursor => Invariant::PositionsInOrder,
            FlawKind::Project => Invariant::EntryFits,
            FlawKind::Cause => Invariant::OneRunPerCause,
            FlawKind::Lease => Invariant::LeaseOfThisBoot,
            FlawKind::Effect => Invariant::EffectOfItsAttempt,
            FlawKind::Tick => Invariant::TimerNeverEarly,
            FlawKind::Usage => Invariant::UsageCounted,
        };
        report.add(invariant, flaw.about, flaw.found);
    }
    for stuck in snapshot.stuck().await? {
        report.add(Invariant::NothingStuck, stuck.to_string(), "nothing will ever happen to it");
    }
    Ok(())
}

/// What was found so far.
#[derive(Default)]
struct Report {
    violations: Vec<Violation>,
}

impl Report {
    /// Adds a violation, unless there is one of this kind about the same.
    fn add(&mut self, invariant: Invariant, about: impl ToString, found: impl Into<String>) {
        let about = about.to_string();
        if !self.is_full() && !self.knows(invariant, &about) {
            self.violations.push(Violation { invariant, about, found: found.into() });
        }
    }

    fn knows(&self, invariant: Invariant, about: &str) -> bool {
        self.violations.iter().any(|known| known.invariant == invariant && known.about == about)
    }

    fn is_full(&self) -> bool {
        self.violations.len() >= MOST
    }
}
