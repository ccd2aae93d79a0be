//! Bugs on purpose: each has to show within so many seeds, and a process has one.

use kiket_core::planted::{Bug, plant};

use super::simulate;

/// How many seeds a bug may hide from.
const SEEDS: u64 = 2_000;

/// Plants a bug and looks for a flaw that says this of it.
fn caught(bug: Bug, word: &str) -> String {
    plant(bug);
    let shows = |seed: u64| {
        let flaws = simulate(seed, false).flaws;
        let flaw = flaws.into_iter().find(|flaw| flaw.contains(word))?;
        Some(format!("{} shows with seed {seed}: {flaw}", bug.name()))
    };
    let found = (0..SEEDS).find_map(shows);
    found.unwrap_or_else(|| panic!("{}: {} No seed of {SEEDS} shows it.", bug.name(), bug.says()))
}

macro_rules! catches {
    ($($(#[$doc:meta])* $test:ident: $bug:ident says $word:literal;)+) => {
        $($(#[$doc])* #[test]
        fn $test() {
            println!("{}", caught(Bug::$bug, $word));
        })+
    };
}

catches! {
    catches_receipt_skipped: ReceiptSkipped says "its answer was there";
    catches_once_retried: OnceRetried says "may happen once";
    catches_wake_up_lost: WakeUpLost says "does not come to an end";
    catches_finished_stage_rerun: FinishedStageRerun says "is done again, although";
    catches_old_outcome_taken: OldOutcomeTaken says "succeeds by attempt";
    catches_retry_without_work: RetryWithoutWork says "has no work";
    catches_lease_not_renewed: LeaseNotRenewed says "is interrupted, and nothing happened";
    catches_trigger_key_ignored: TriggerKeyIgnored says "has started a second run";
    catches_hold_left_out: HoldLeftOut says "under fence";
    catches_double_hand_over: DoubleHandOver says "is interrupted, and nothing happened";
    catches_slot_lost: SlotLost says "does not come to an end";
}
