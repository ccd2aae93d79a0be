//! One process of kiket: dispatch and the driver as they are, in tasks that can be stopped dead or frozen.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;

use super::Sim;
use super::handle::Handle;
use super::plans::Shelf;
use super::puppet::Puppet;
use crate::clock::simulated;
use crate::dispatch::{Dispatch, Slots};
use crate::driver::drive;

/// A process.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) dispatch: Arc<Dispatch<Handle, Shelf>>,
    pub(super) process: Arc<Process>,
}

/// What the tasks of a process have in common.
pub(super) struct Process {
    frozen: AtomicBool,
    /// How far its clock is off, in milliseconds.
    skew: i64,
    sleepers: Mutex<Vec<Waker>>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Node {
    /// Starts a process; `alone` says that it knows all others to be gone, so that no lease of theirs holds.
    pub(super) fn boot(sim: &Arc<Sim>, alone: bool) -> Arc<Self> {
        let number = sim.count_boot();
        let name = format!("node/{number}");
        let epoch = if alone { sim.tables().begin_epoch() } else { sim.tables().epoch() };
        sim.note(format_args!("{name} starts{}", if alone { ", alone" } else { "" }));
        let skew = if sim.faults.two && sim.faults.jumps { sim.below(4_000) as i64 - 2_000 } else { 0 };
        let process = Arc::new(Process {
            frozen: AtomicBool::new(false),
            skew,
            sleepers: Mutex::default(),
            tasks: Mutex::default(),
        });
        let ledger = Handle::new(sim, epoch, &name);
        let slots = Arc::new(Slots::new(sim.faults.slots));
        let (hand, handed) = mpsc::unbounded_channel();
        let shelf = Arc::new(Shelf(Arc::clone(sim)));
        let dispatch = Arc::new(Dispatch::new(ledger.clone(), shelf, Arc::clone(&slots), name.clone(), hand));
        let puppet = Arc::new(Puppet {
            sim: Arc::clone(sim),
            ledger,
            dispatch: Arc::clone(&dispatch),
            slots,
            owner: name.clone(),
            process: Arc::clone(&process),
        });
        process.spawn(async move { drive(&puppet, handed, CancellationToken::new()).await });
        Arc::new(Self { name, dispatch, process })
    }
}

impl Process {
    /// Runs something as a part of the process.
    pub(super) fn spawn<T: Send + 'static>(
        self: &Arc<Self>,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let task = tokio::spawn(Inside { process: Arc::clone(self), future: Box::pin(task) });
        let mut tasks = lock(&self.tasks);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task.abort_handle());
        task
    }

    /// Ends it: none of its tasks goes a step further.
    pub(super) fn kill(&self) {
        self.frozen.store(true, Ordering::Relaxed);
        lock(&self.tasks).drain(..).for_each(|task| task.abort());
    }

    /// Stops it for a while, as SIGSTOP does.
    pub(super) fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }

    /// Lets it go on.
    pub(super) fn thaw(&self) {
        self.frozen.store(false, Ordering::Relaxed);
        lock(&self.sleepers).drain(..).for_each(Waker::wake);
    }

    /// Whether it stands still.
    pub(super) fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Relaxed)
    }
}

/// A task of a process: it goes on only as long as the process does, and has its clock.
struct Inside<T> {
    process: Arc<Process>,
    future: Pin<Box<dyn Future<Output = T> + Send>>,
}

impl<T> Future for Inside<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if self.process.is_frozen() {
            lock(&self.process.sleepers).push(context.waker().clone());
            return Poll::Pending;
        }
        let skew = self.process.skew;
        simulated::advance(skew);
        let polled = self.future.as_mut().poll(context);
        simulated::advance(-skew);
        polled
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
