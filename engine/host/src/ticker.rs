//! The thread that advances the engine's epoch, so that running guests look up.
//!
//! A tick interrupts nobody by itself: at the next tick after it began to run, a
//! guest checks its limits and makes room for others.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// Time between two ticks: how late a limit may be noticed.
const TICK: Duration = Duration::from_millis(10);

/// Stops its thread when it is dropped, and waits until it has.
pub(crate) struct Ticker {
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> io::Result<Self> {
        let (alive, dropped) = channel();
        let engine = engine.weak();
        let thread = thread::Builder::new().name("kiket-ticker".into()).spawn(move || tick(&engine, &dropped))?;
        Ok(Self { alive: Some(alive), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        // The thread sees the dropped end of the channel at once, in the middle of a tick.
        drop(self.alive.take());
        let _ = self.thread.take().map(JoinHandle::join);
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
