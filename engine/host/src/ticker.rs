//! The thread that advances the engine's epoch, so that running guests look up.
//!
//! A tick interrupts nobody by itself: at the next tick after it began to run, a
//! guest checks its limits and makes room for others.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// Time between two ticks: how late a limit may be noticed.
const TICK: Duration = Duration::from_millis(10);

/// Stops its thread when it is dropped.
pub(crate) struct Ticker {
    _alive: Sender<()>,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> io::Result<Self> {
        let (alive, dropped) = channel();
        let engine = engine.weak();
        thread::Builder::new().name("kiket-ticker".into()).spawn(move || tick(&engine, &dropped))?;
        Ok(Self { _alive: alive })
    }
}

fn tick(engine: &EngineWeak, dropped: &Receiver<()>) {
    while let Err(RecvTimeoutError::Timeout) = dropped.recv_timeout(TICK) {
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
    }
}
