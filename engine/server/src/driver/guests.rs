//! The threads that guests run on. They are not those that answer requests: whatever
//! guests do with the processor, the system's scheduler keeps the server answering.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime of its own, as many threads as there are cores. What runs on it when it is
/// dropped is cut off, as a crash would.
pub(crate) struct Guests(Option<Runtime>);

impl Guests {
    pub(crate) fn start() -> io::Result<Self> {
        Ok(Self(Some(Builder::new_multi_thread().thread_name("guest").enable_all().build()?)))
    }

    /// Returns the way to run something on these threads.
    pub(crate) fn handle(&self) -> Handle {
        self.0.as_ref().expect("the runtime is taken only by drop").handle().clone()
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        // An ordinary drop waits for the threads, which an asynchronous caller must not.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
