//! What a seed decides: the faults that are turned on, and every choice after that.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// Everything random of one simulation.
pub(super) struct Luck(SmallRng);

impl Luck {
    pub(super) fn new(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// A number below.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0.random_range(0..limit.max(1))
    }

    /// Yes in so many of a thousand cases.
    pub(super) fn chance(&mut self, per_mille: u64) -> bool {
        per_mille > 0 && self.below(1000) < per_mille
    }

    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap_or_default()]
    }

    /// So many milliseconds.
    pub(super) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

/// What goes wrong in a simulation; numbers are of a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Faults {
    /// A unit is not committed.
    pub(super) before: u64,
    /// A unit is committed, and the answer is lost.
    pub(super) after: u64,
    /// A read fails.
    pub(super) reads: u64,
    /// A call of the store takes up to two seconds.
    pub(super) slow: u64,
    /// A wake-up is lost.
    pub(super) lost: u64,
    /// A wake-up comes twice, or late.
    pub(super) late: u64,
    /// Processes end without a word.
    pub(super) crashes: bool,
    /// Processes stand still for longer than a lease.
    pub(super) pauses: bool,
    /// The clock is put forward and back.
    pub(super) jumps: bool,
    /// There are two processes, whose clocks differ.
    pub(super) two: bool,
    /// Plugins fail in ways that may pass.
    pub(super) transient: u64,
    /// Plugins fail for good, or trap.
    pub(super) failing: u64,
    /// Plugins do not come back.
    pub(super) never: u64,
    /// The connection to the world breaks before the answer is there.
    pub(super) broken: u64,
    /// Done again, plugins ask for something else.
    pub(super) astray: u64,
    /// Definitions cannot be had any more.
    pub(super) gone: u64,
    /// People cancel.
    pub(super) cancels: u64,
    /// How many stages run at once in a process.
    pub(super) slots: usize,
    /// How many runs are asked for.
    pub(super) runs: u64,
}

impl Faults {
    /// A random subset.
    pub(super) fn draw(luck: &mut Luck) -> Self {
        let calm = luck.chance(100);
        let mut some = |most: u64| {
            let on = luck.chance(400) && !calm;
            if on { 1 + luck.below(most) } else { 0 }
        };
        let (before, after, reads, slow) = (some(120), some(120), some(100), some(300));
        let (lost, late) = (if some(2) == 1 { 1000 } else { some(500) }, some(500));
        let (crashes, pauses, jumps, two) = (some(1) > 0, some(1) > 0, some(1) > 0, some(1) > 0);
        let (transient, failing, never, broken) = (some(300), some(150), some(150), some(200));
        let (astray, gone, cancels) = (some(60), some(10), some(300));
        let (slots, runs) = (luck.pick(&[1, 1, 2, 8]), 1 + luck.below(5));
        Self {
            before,
            after,
            reads,
            slow,
            lost,
            late,
            crashes,
            pauses,
            jumps,
            two,
            transient,
            failing,
            never,
            broken,
            astray,
            gone,
            cancels,
            slots,
            runs,
        }
    }

    /// Whether anything may make work change hands. An end that cannot be recorded does, for want of a read too.
    pub(super) fn interrupts(&self) -> bool {
        let asks = self.before + self.after + self.reads + self.gone;
        asks > 0 || self.crashes || self.pauses || self.jumps
    }
}
