//! Actions that try what a sandbox must survive. None of them returns.

use std::hint::black_box;

use kiket_plugin::{Call, Failure, log};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Loops for ever without a host call.
pub(crate) fn spin(_: IgnoredAny, _: &Call) -> Result<(), Failure> {
    let mut rounds = 0_u64;
    loop {
        rounds = black_box(rounds.wrapping_add(1));
    }
}

/// Allocates for ever, and touches every page.
pub(crate) fn hog(_: IgnoredAny, _: &Call) -> Result<(), Failure> {
    let mut held = Vec::new();
    loop {
        held.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Logs for ever.
pub(crate) fn flood(_: IgnoredAny, _: &Call) -> Result<(), Failure> {
    let line = "flood ".repeat(170);
    loop {
        log::line(log::Level::Info, &line);
    }
}

/// Calls itself until the stack is full.
pub(crate) fn recurse(_: IgnoredAny, _: &Call) -> Result<(), Failure> {
    fn descend(depth: u64) -> u64 {
        if black_box(depth) == u64::MAX { depth } else { descend(depth + 1).wrapping_add(black_box(depth)) }
    }
    black_box(descend(0));
    Ok(())
}

/// Executes the instruction `unreachable`.
pub(crate) fn trap(_: IgnoredAny, _: &Call) -> Result<(), Failure> {
    std::process::abort()
}

#[derive(Deserialize)]
pub(crate) struct Panic {
    message: String,
}

/// Panics with a message, which goes to standard error.
pub(crate) fn panic(input: Panic, _: &Call) -> Result<(), Failure> {
    panic!("{}", input.message)
}
