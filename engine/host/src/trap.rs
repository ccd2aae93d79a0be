//! Turns the error a call ended with into a reason and a text for people.

use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::error::{Reason, Stop};
use crate::state::State;

/// How many frames of the guest's stack are shown.
const FRAMES: usize = 8;

/// How wasmtime says that a guest handed over more data in one step than
/// `set_hostcall_fuel` allows. The error's type is private to wasmtime, so this
/// is the one place that goes by a text; a test holds it to it.
const TOO_MUCH_DATA: &str = "fuel allocated for hostcalls has been exhausted";

/// Why the call ended, and the same in words.
pub(crate) fn explain(error: &wasmtime::Error, state: &State) -> (Reason, String) {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return (stop.reason(), stop.to_string());
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return (Reason::Busy, format!("the sandbox is full: {}", error.root_cause()));
    }
    let cause = error.root_cause().to_string();
    if cause.contains(TOO_MUCH_DATA) {
        return (Reason::PayloadTooLarge, "the plugin handed over too much data in one call".into());
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        return (Reason::StackOverflow, with_context("the plugin used up its stack".into(), error, state));
    }
    if state.limiter.refused() {
        let text = format!("the plugin needed more than {} bytes of memory", state.limiter.limit());
        return (Reason::MemoryLimit, with_context(text, error, state));
    }
    let text = match error.downcast_ref::<I32Exit>() {
        Some(I32Exit(status)) => format!("the plugin exited with status {status} instead of returning"),
        None => format!("the plugin trapped: {}", cause.trim_start_matches("wasm trap: ")),
    };
    (Reason::Trap, with_context(text, error, state))
}

/// Adds what the guest said last and where it was.
fn with_context(mut text: String, error: &wasmtime::Error, state: &State) -> String {
    for line in state.journal.last_words() {
        text.extend(["\n  stderr: ", &line]);
    }
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        let backtrace = backtrace.to_string();
        let frames = backtrace.lines().skip(1).take(FRAMES);
        frames.for_each(|frame| text.extend(["\n  at ", frame.trim_start()]));
    }
    text
}
